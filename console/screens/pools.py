"""Pools: where volumes lie, how full each is, and what of it is promised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.pool import PoolRow

_TONES = {"up": "good", "disabled": "dim", "filling": "warn"}
_BAR = 8  # cells
_GIB = 1 << 30


def most(row: PoolRow) -> int:
    """The GiB that it may promise."""
    return int(row.fact.size * row.pool.ratio) // _GIB


def _full(row: PoolRow) -> str:
    return "" if row.fact.error else f"{words.bar(row.used, _BAR)} {row.used:.0%}"


def _promised(row: PoolRow) -> str:
    return f"{row.promised} GiB" if row.fact.error else f"{row.promised} of {most(row)} GiB"


class Pools(TablePanel):
    """All pools, the default one first."""

    slug = "pools"
    heading = "Pools"
    kinds = ("pool",)
    noun = "pool"
    columns = (
        Column("name", "NAME", lambda p: p.pool.name, 10, 32, "N"),
        Column("state", "STATE", lambda p: p.status, 8, 8, "S",
               lambda p: _TONES.get(p.status, "bad")),
        Column("full", "FULL", _full, 13, 13, "U", order=lambda p: p.used),
        Column("promised", "PROMISED", _promised, 14, 22, "M", order=lambda p: p.promised,
               right=True),
        Column("volumes", "VOLS", lambda p: str(p.volumes or ""), 4, 6, "V",
               order=lambda p: p.volumes, right=True),
        Column("driver", "DRIVER", lambda p: p.pool.driver, 8, 8, "D"),
        Column("ratio", "RATIO", lambda p: f"{p.pool.ratio:g}", 5, 6, right=True),
        Column("host", "HOST", lambda p: p.pool.host, 6, 20, "H"),
        Column("place", "PLACE", lambda p: p.pool.place, 12, 40, "L"),
        Column("error", "ERROR", lambda p: p.fact.error, 8, 60),
        Column("age", "AGE", lambda p: words.age(p.pool.created_at), 4, 5, "A",
               order=lambda p: -p.pool.created_at, right=True),
    )  # fmt: skip

    def key(self, item: PoolRow) -> str:
        """A pool is known by its name."""
        return item.pool.name

    def title(self, item: PoolRow) -> str:
        """The same."""
        return item.pool.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The pools, as they are now."""
        return cloud.pools.list()

    def edit(self) -> None:
        """Ask how much it may promise, and whether it takes new volumes."""
        if self.item is not None:
            self.desk.ask_form("pool edit", {"id": self.key(self.item)})

    def types(self) -> None:
        """The volume types, of which some are of one pool."""
        from console import panels

        self.desk.drill(panels.make("types"))
