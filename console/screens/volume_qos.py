"""Limits of input and output, and the volume types that have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.pool import QosSpec


class Item(NamedTuple):
    """Limits, and the names of the types that have them."""

    row: QosSpec
    types: str


def _limit(what: str, way: str) -> Column:
    """The column of one limit."""
    name = f"{way}_{what}_sec"

    def value(item: Item) -> int:
        return int(item.row.specs.get(name, 0))

    def text(item: Item) -> str:
        found = value(item)
        return "" if not found else f"{found:,}" if what == "iops" else f"{words.size(found)}/s"

    title = "IOPS" if what == "iops" else "BYTES"
    lead = "" if way == "total" else f"{way.upper()} "
    return Column(name, f"{lead}{title}", text, 10, 12, order=value, right=True)


class VolumeQos(TablePanel):
    """All limits; a type says which it has."""

    slug = "volume-qos"
    heading = "Volume limits"
    kinds = ("volume_qos",)
    noun = "volume_qos"
    columns = (
        Column("name", "NAME", lambda i: i.row.name, 12, 36, "N"),
        *(_limit(what, "total") for what in ("iops", "bytes")),
        Column("types", "TYPES", lambda i: i.types, 12, 60, "T"),
        *(_limit(what, way) for what in ("iops", "bytes") for way in ("read", "write")),
        Column("consumer", "KEPT BY", lambda i: i.row.consumer, 9, 9, "K"),
    )

    def key(self, item: Item) -> str:
        """The limits' id."""
        return item.row.id

    def title(self, item: Item) -> str:
        """Their name."""
        return item.row.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The limits, by name."""
        types = cloud.volume_types.list()
        return [
            Item(row, ", ".join(each.name for each in types if each.qos_id == row.id))
            for row in cloud.volume_types.qos_list()
        ]

    @property
    def nothing(self) -> str:
        """What makes some."""
        more = "; c creates limits, which a type then is given" if self.desk.writes else ""
        return super().nothing if self.filtered else f"no limits here{more}"

    def edit(self) -> None:
        """Ask what is to be changed of them."""
        if self.item is not None:
            chosen = {"id": self.key(self.item), "names": self.title(self.item)}
            self.desk.ask_form("volume_qos edit", chosen)
