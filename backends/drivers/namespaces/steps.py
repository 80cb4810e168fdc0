"""Changes of network namespaces. A namespace of "" is the host's own."""

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

    An empty `mac` leaves it as it is. `checksums` false turns transmit checksum offload off: with
    Open vSwitch in userspace nobody else would compute them. `announce` tells the neighbours of
    addresses that are new there (gratuitous ARP, RFC 5227), as another may have had them before.
    On the host itself only the cloud's external bridge is set up.
    """

    namespace: str
    name: str
    mac: str
    mtu: int
    addresses: frozenset[str]
    checksums: bool = True
    announce: bool = False

    @property
    def text(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"set up {self.name}{where}: {', '.join(sorted(self.addresses))}"


@dataclass(frozen=True, slots=True)
class SetRoutes:
    """Have a router's namespace hold these routes, besides the kernel's own, and no others.

    `routes` are pairs of destination (CIDR) and next hop.
    """

    namespace: str
    routes: frozenset[tuple[str, str]]

    @property
    def text(self) -> str:
        routes = ", ".join(f"{to} via {hop}" for to, hop in sorted(self.routes)) or "none"
        return f"set routes in {self.namespace}: {routes}"


@dataclass(frozen=True, slots=True)
class SetSysctls:
    """Set kernel parameters (sysctl(8)), of a namespace or of the host."""

    namespace: str
    values: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        where = f"in {self.namespace}" if self.namespace else "on the host"
        return f"set {', '.join(f'{key}={value}' for key, value in self.values)} {where}"
