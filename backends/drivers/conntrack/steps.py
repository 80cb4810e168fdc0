"""Changes of the kernel's connection tracking."""

from __future__ import annotations

from dataclasses import dataclass


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
