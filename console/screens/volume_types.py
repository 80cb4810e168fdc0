"""Volume types: where their volumes lie, who may share one, how fast they may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.pool import VolumeType


class Item(NamedTuple):
    """A type, the name of its limits, and how many volumes are of it."""

    row: VolumeType
    qos: str
    used: int


def _pool(item: Item) -> str:
    from backends.services.volume_type import pool_of_type

    return pool_of_type(item.row)


def _kind(item: Item) -> str:
    from backends.services.volume_type import is_multiattach

    said = (
        "shared" if is_multiattach(item.row) else "",
        item.row.encryption,
        "" if item.row.public else "private",
    )
    return " ".join(word for word in said if word)


class VolumeTypes(TablePanel):
    """The types that the caller may use."""

    slug = "types"
    heading = "Volume types"
    kinds = ("volume_type",)
    noun = "volume_type"
    columns = (
        Column("name", "NAME", lambda i: i.row.name, 12, 36, "N"),
        Column("pool", "POOL", _pool, 8, 32, "L"),
        Column("kind", "KIND", _kind, 10, 20, "K"),
        Column("qos", "QOS", lambda i: i.qos, 6, 24, "Q"),
        Column("used", "VOLS", lambda i: str(i.used or ""), 4, 6, "V", order=lambda i: i.used,
               right=True),
        Column("description", "DESCRIPTION", lambda i: i.row.description, 10, 40),
        Column("age", "AGE", lambda i: words.age(i.row.created_at), 4, 5, "A",
               order=lambda i: -i.row.created_at, right=True),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The type's id."""
        return item.row.id

    def title(self, item: Item) -> str:
        """The type's name."""
        return item.row.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The types, by name."""
        limits = {each.id: each.name for each in cloud.volume_types.qos_list()}
        volumes = cloud.volumes.list(all_projects=True)
        used = Counter(each.volume.type_id for each in volumes)
        return [
            Item(row, limits.get(row.qos_id or "", ""), used[row.id])
            for row in cloud.volume_types.list()
        ]

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("volume_type edit", {"id": self.key(self.item)})

    def limits(self) -> None:
        """The limits that types have."""
        from console import panels

        self.desk.drill(panels.make("volume-qos"))
