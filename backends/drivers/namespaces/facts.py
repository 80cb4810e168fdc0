"""Network namespaces and what is in ours, as the kernel tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface in a namespace.

    `addresses` with prefix length, without those link-local ones of IPv6 that the kernel makes;
    `mtu` in bytes. One that is not `attached` has nothing behind it any more: a userspace switch
    that ends leaves its ports in their namespaces, and makes others, outside, when it comes back.
    """

    name: str
    mac: str
    mtu: int
    up: bool
    addresses: frozenset[str] = frozenset()
    attached: bool = True


@dataclass(frozen=True, slots=True)
class Namespace:
    """A named network namespace of ours (`qdhcp-...`, `qrouter-...`); `interfaces` has its `lo`.

    Of routers also `routes`, pairs of destination and next hop (those that are not the kernel's
    own), and `sysctls`. The host's own has the name "", and the external bridge as its interface.
    """

    name: str
    interfaces: tuple[Interface, ...] = ()
    routes: frozenset[tuple[str, str]] = frozenset()
    sysctls: Mapping[str, str] = field(default_factory=dict)

    def interface(self, name: str) -> Interface | None:
        """The interface of that name, if it is here."""
        return next((each for each in self.interfaces if each.name == name), None)
