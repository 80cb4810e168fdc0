"""Backups of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.backup import BackupRow


class Item(NamedTuple):
    """A backup, and the name of the one it stands on."""

    row: BackupRow
    on: str


def _volume(item: Item) -> str:
    return item.row.volume or f"gone: {item.row.backup.volume_id[:8]}"


class Backups(TablePanel):
    """The backups of the project, or of the cloud."""

    slug = "backups"
    heading = "Backups"
    kinds = ("backup",)
    noun = "backup"
    columns = (
        Column("name", "NAME", lambda i: i.row.backup.name or i.row.backup.id, 20, 40, "N"),
        Column("volume", "VOLUME", _volume, 14, 40, "V"),
        Column("status", "STATUS", lambda i: i.row.status, 9, 10, "S",
               lambda i: "" if i.row.status == "available" else "warn"),
        Column("stored", "STORED", lambda i: words.size(i.row.backup.stored), 8, 9, "R",
               order=lambda i: i.row.backup.stored, right=True),
        Column("on", "CHANGES OF", lambda i: i.on, 10, 40, "C"),
        Column("size", "SIZE", lambda i: f"{i.row.backup.size} GiB", 8, 9, "Z",
               order=lambda i: i.row.backup.size, right=True),
        Column("age", "AGE", lambda i: words.age(i.row.backup.created_at), 4, 5, "A",
               order=lambda i: -i.row.backup.created_at, right=True),
        Column("container", "CONTAINER", lambda i: i.row.backup.container, 12, 40, "O"),
        Column("description", "DESCRIPTION", lambda i: i.row.backup.description, 11, 60, "D"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The backup's id."""
        return item.row.backup.id

    def title(self, item: Item) -> str:
        """The backup's name."""
        return item.row.backup.name or item.row.backup.id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The backups, the oldest first."""
        rows = cloud.backups.list(all_projects=everyone)
        names = {row.backup.id: row.backup.name or row.backup.id for row in rows}
        return [Item(row, names.get(row.backup.parent_id or "", "")) for row in rows]

    def rename(self) -> None:
        """Ask for another name."""
        if self.item is not None:
            self.ask_name(
                self.item,
                lambda cloud, id_, name: cloud.backups.set(id_, name=name),
                self.item.row.backup.name,
            )

    def restore(self) -> None:
        """Ask which volume it is written over."""
        if self.item is not None:
            self.desk.ask_form("backup restore", {"backup": self.key(self.item)})

    def make_volume(self) -> None:
        """Ask what the volume is to be that is made of it."""
        if self.item is not None:
            self.desk.ask_form("volume", {"source": f"backup:{self.key(self.item)}"})
