"""Changes of the kernel's connection tracking."""

from __future__ import annotations

from dataclasses import dataclass

from backends.drivers.conntrack.connection import Connection


@dataclass(frozen=True, slots=True)
class CutConnections:
    """Forget the connections of floating addresses with the fixed ones they were lent to.

    `pairs` are floating and fixed address. What a peer still sends then belongs to no connection.
    """

    namespace: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        lent = ", ".join(f"{floating} to {fixed}" for floating, fixed in self.pairs)
        return f"cut connections of {lent} in {self.namespace}"


@dataclass(frozen=True, slots=True)
class EndConnection:
    """Forget one connection. What its ends still send must be allowed anew.

    `namespace` is where the kernel keeps it (empty: the host's own); `userspace` says that Open
    vSwitch's userspace datapath does.
    """

    connection: Connection
    namespace: str = ""
    userspace: bool = False

    @property
    def text(self) -> str:
        source, destination = self.connection.addresses[:2]
        place = "the switch" if self.userspace else self.namespace or "the host"
        return f"end the connection from {source} to {destination} in {place}"
