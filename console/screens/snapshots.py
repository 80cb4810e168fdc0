"""Snapshots of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.snapshot import SnapshotRow


class Snapshots(TablePanel):
    """The snapshots of the project's volumes, or of the cloud's."""

    slug = "snapshots"
    heading = "Snapshots"
    kinds = ("snapshot",)
    noun = "snapshot"
    columns = (
        Column("name", "NAME", lambda r: r.snapshot.name or r.snapshot.id, 20, 40, "N"),
        Column("volume", "VOLUME", lambda r: r.volume, 14, 40, "V"),
        Column("status", "STATUS", lambda r: r.status, 9, 10, "S",
               lambda r: "" if r.status == "available" else "warn"),
        Column("size", "SIZE", lambda r: f"{r.snapshot.size} GiB", 8, 9, "Z",
               order=lambda r: r.snapshot.size, right=True),
        Column("group", "GROUP", lambda r: "yes" if r.snapshot.group_snapshot_id else "", 5, 5),
        Column("age", "AGE", lambda r: words.age(r.snapshot.created_at), 4, 5, "A",
               order=lambda r: -r.snapshot.created_at, right=True),
        Column("description", "DESCRIPTION", lambda r: r.snapshot.description, 11, 60, "D"),
    )  # fmt: skip

    def key(self, item: SnapshotRow) -> str:
        """The snapshot's id."""
        return item.snapshot.id

    def title(self, item: SnapshotRow) -> str:
        """The snapshot's name."""
        return item.snapshot.name or item.snapshot.id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The snapshots, by name."""
        return cloud.snapshots.list(all_projects=everyone)

    def rename(self) -> None:
        """Ask for another name."""
        if self.item is not None:
            self.ask_name(
                self.item,
                lambda cloud, id_, name: cloud.snapshots.set(id_, name=name),
                self.item.snapshot.name,
            )

    def revert(self) -> None:
        """Give its volume what it held then, after a look at the plan."""
        if self.item is not None:
            id_ = self.key(self.item)
            self.desk.perform(
                f"Revert {self.item.volume} to {self.title(self.item)}",
                lambda cloud: cloud.volumes.revert(id_),
                dangerous=True,
            )

    def make_volume(self) -> None:
        """Ask what the volume is to be that is made of it."""
        if self.item is not None:
            self.desk.ask_form("volume", {"source": f"snapshot:{self.key(self.item)}"})
