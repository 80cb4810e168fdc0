"""What stands in nftables' tables of ours."""

from __future__ import annotations

from dataclasses import dataclass

from backends.drivers.nftables.steps import Pair


@dataclass(frozen=True, slots=True)
class Rules:
    """A table that is there.

    `digest` is that of the WriteRules that wrote it; empty where the table is not, or no longer,
    what was written. `lent` and `withdrawn` are pairs of floating and fixed address.
    """

    digest: str = ""
    lent: frozenset[Pair] = frozenset()
    withdrawn: frozenset[Pair] = frozenset()
