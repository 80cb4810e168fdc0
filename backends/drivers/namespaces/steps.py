"""Changes of network namespaces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddNamespace:
    """Make a namespace and bring its loopback up."""

    name: str

    @property
    def text(self) -> str:
        return f"add namespace {self.name}"


@dataclass(frozen=True, slots=True)
class RemoveNamespace:
    """Delete a namespace whose name carries the recorded id."""

    name: str

    @property
    def text(self) -> str:
        return f"remove namespace {self.name}"


@dataclass(frozen=True, slots=True)
class SetInterface:
    """Move an internal port into a namespace and set it up: MAC, MTU, exactly these addresses.

    `checksums` false turns transmit checksum offload off: with Open vSwitch in userspace nobody
    else would compute them.
    """

    namespace: str
    name: str
    mac: str
    mtu: int
    addresses: frozenset[str]
    checksums: bool = True

    @property
    def text(self) -> str:
        return f"set up {self.name} in {self.namespace}: {', '.join(sorted(self.addresses))}"
