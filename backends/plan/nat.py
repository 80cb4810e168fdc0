"""The nftables rules of routers and of the host, as nft(8) reads them. Pure text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.drivers.nftables.listing import LENT
from backends.drivers.nftables.steps import Pair

_DSTNAT, _SRCNAT = -100, 100
# Before the host's own filters, which keep the last word on what is let through here.
_EARLY = -5
_KNOWN_NEIGHBOURS = "echo-request, nd-neighbor-solicit, nd-neighbor-advert"


def router(interface: str, address: str, snat: bool, pairs: Iterable[Pair]) -> str:
    """A router's IPv4 NAT; `interface` and `address` are its gateway's, empty where it has none.

    As Neutron's L3 agent has it: a floating address is exchanged for the fixed one and back. What
    stays inside keeps its addresses, unless it goes to a floating one: then the answer must come by
    the router as well, and the sender is the gateway. What else leaves takes the gateway's address.
    """
    lent = sorted(pairs)
    lines = [*_map(LENT, lent)]
    if interface and address:
        lines += _map("lenders", [(fixed, floating) for floating, fixed in lent])
        inward = (f"dnat to ip daddr map @{LENT}",)
        lines += _chain("prerouting", "nat", "prerouting", _DSTNAT, inward)
        # What the router itself sends to a floating address.
        lines += _chain("output", "nat", "output", _DSTNAT, inward)
        lines += _chain("postrouting", "nat", "postrouting", _SRCNAT, _outward(
            interface, address, snat))  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def host(interface: str, ranges: Iterable[str], services: Iterable[str] = ()) -> str:
    """The host's part: what leaves by another interface than the external bridge is masqueraded.

    And guests, whom the bridge leads to the host, reach none of its services but those that are
    named (`tcp:53`): they may ping it, and answer what it asked them.
    """
    allowed = [" dport ".join(each.split(":")) + " accept" for each in sorted(set(services))]
    lines = _chain(
        "input", "filter", "input", _EARLY,
        (
            f'iifname != "{interface}" accept',
            "ct state established,related accept",
            "icmp type echo-request accept",
            f"icmpv6 type {{ {_KNOWN_NEIGHBOURS} }} accept",
            *allowed,
            "drop",
        ),
    )  # fmt: skip
    away = [f'ip saddr {each} oifname != "{interface}" masquerade' for each in sorted(ranges)]
    lines += _chain("postrouting", "nat", "postrouting", _SRCNAT, away)
    return "".join(f"{line}\n" for line in lines)


def _outward(interface: str, address: str, snat: bool) -> Iterator[str]:
    yield f'iifname != "{interface}" oifname != "{interface}" ct status ! dnat accept'
    yield "snat to ip saddr map @lenders"
    if snat:
        yield f'oifname "{interface}" snat to {address} fully-random'
    yield f'iifname != "{interface}" ct status dnat snat to {address} fully-random'


def _map(name: str, pairs: list[Pair]) -> list[str]:
    elements = ", ".join(f"{key} : {value}" for key, value in pairs)
    inner = [f"\t\telements = {{ {elements} }}"] if pairs else []
    return [f"\tmap {name} {{", "\t\ttype ipv4_addr : ipv4_addr", *inner, "\t}"]


def _chain(name: str, kind: str, hook: str, priority: int, rules: Iterable[str]) -> list[str]:
    head = f"\t\ttype {kind} hook {hook} priority {priority}; policy accept;"
    return [f"\tchain {name} {{", head, *(f"\t\t{rule}" for rule in rules), "\t}"]
