"""Changes of nftables' tables of ours. A namespace of "" is the host's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# Family and name of a router's table, and the family of the cloud's table on the host.
ROUTER_FAMILY, ROUTER_TABLE = "ip", "quarterdeck"
HOST_FAMILY = "inet"

# A floating address and the fixed one that it was lent to.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WriteRules:
    """Put a table of ours into a namespace as a whole, in one transaction.

    `family` and `table` name it; `body` is what stands between its braces, as nft(8) reads it.
    `withdrawn` are pairs whose connections are still to be cut: they are kept beside the rules, so
    that nobody forgets them who is interrupted here.
    """

    namespace: str
    family: str
    table: str
    body: str
    withdrawn: tuple[Pair, ...] = ()

    @property
    def digest(self) -> str:
        """A short digest of what is wanted, without what is withdrawn."""
        text = f"{self.family} {self.table}\n{self.body}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        return f"write nftables table {self.table} {place(self.namespace)}"


@dataclass(frozen=True, slots=True)
class ForgetWithdrawn:
    """The connections of what was withdrawn are cut: nothing is left to remember."""

    namespace: str
    family: str
    table: str

    @property
    def text(self) -> str:
        return f"note that withdrawn addresses are cut off {place(self.namespace)}"


@dataclass(frozen=True, slots=True)
class RemoveRules:
    """Take a table of ours away."""

    namespace: str
    family: str
    table: str

    @property
    def text(self) -> str:
        return f"remove nftables table {self.table} {place(self.namespace)}"


def place(namespace: str) -> str:
    """`in qrouter-...`, or `on the host`."""
    return f"in {namespace}" if namespace else "on the host"
