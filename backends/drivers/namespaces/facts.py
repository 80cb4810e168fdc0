"""Network namespaces and what is in ours, as the kernel tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface in a namespace.

    `addresses` with prefix length, without IPv6's link-local ones; `mtu` in bytes.
    """

    name: str
    mac: str
    mtu: int
    up: bool
    addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Namespace:
    """A named network namespace of ours (`qdhcp-...`, `qrouter-...`); `interfaces` has its `lo`."""

    name: str
    interfaces: tuple[Interface, ...] = ()

    def interface(self, name: str) -> Interface | None:
        """The interface of that name, if it is here."""
        return next((each for each in self.interfaces if each.name == name), None)
