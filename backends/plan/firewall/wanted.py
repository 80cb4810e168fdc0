"""A flow set that is wanted: known by its cookie, its flows built only where they are missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backends.drivers.ovs.steps import FlowSet
from backends.plan.firewall import ports
from backends.plan.firewall.groups import Template
from backends.plan.firewall.ports import Plug


@dataclass(frozen=True, slots=True)
class Wanted:
    """A set by owner and cookie; `count` is how many flows it has."""

    owner: int
    cookie: int
    count: int
    build: Callable[[], tuple[str, ...]]

    def flow_set(self) -> FlowSet:
        """The set itself."""
        return FlowSet(self.owner, self.cookie, self.build())


def of(owner: int, flows: Iterable[str]) -> Wanted:
    """A set whose flows are at hand; its cookie is made from them."""
    kept = tuple(dict.fromkeys(flows))
    return Wanted(owner, _cookie(f"{owner}\n" + "\n".join(kept)), len(kept), lambda: kept)


class PortSets:
    """Makes the sets of ports that have the same rules.

    Ports of one shape have the same flows but for number, zone, MAC and addresses. So a port's
    cookie is made from these and from one sample of its shape, and the flows of a port that is in
    order are never spelled out: they would be most of what a plan costs.
    """

    def __init__(self, rules: list[Template]) -> None:
        self._rules = rules
        # By whether it is filtered, whether it is stateless, and which addresses are IPv6.
        self._shapes: dict[tuple[bool, ...], tuple[str, int]] = {}

    def of(self, owner: int, plug: Plug) -> Wanted:
        """The set of a plugged port."""
        if not plug.plain or any(mac != plug.mac for mac, _ in plug.pairs):
            return of(owner, ports.flows(plug, self._rules))
        digest, count = self._shape(plug)
        mark = f"{owner} {plug.ofport} {plug.zone} {plug.mac} {plug.pairs} {digest}"
        return Wanted(owner, _cookie(mark), count, lambda: self._flows(plug))

    def _flows(self, plug: Plug) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ports.flows(plug, self._rules)))

    def _shape(self, plug: Plug) -> tuple[str, int]:
        shape = (plug.filtered, plug.stateless, *(":" in address for _, address in plug.pairs))
        if shape not in self._shapes:
            self._shapes[shape] = self._sample(*shape)
        return self._shapes[shape]

    def _sample(self, filtered: bool, stateless: bool, *ipv6: bool) -> tuple[str, int]:
        """Digest and number of the flows of a port of this shape, with addresses of no network."""
        mac = "fa:16:3e:00:00:01"
        pairs = tuple(
            (mac, f"2001:db8::{number}" if six else f"192.0.2.{number}")
            for number, six in enumerate(ipv6, 1)
        )
        flows = self._flows(Plug("", 1, 1, mac, filtered, pairs, stateless))
        return hashlib.sha256("\n".join(flows).encode()).hexdigest(), len(flows)


def _cookie(text: str) -> int:
    """63 bits of a text's digest, never 0."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1 | 1
