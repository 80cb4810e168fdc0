"""Volumes and where they are attached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.volume import VolumeRow

_TONES = {"available": "", "in-use": "good"}


def _attached(row: VolumeRow) -> str:
    return ", ".join(f"{name} {device}" for name, device in row.attached)


class Volumes(TablePanel):
    """The volumes of the project, or of the cloud."""

    slug = "volumes"
    heading = "Volumes"
    kinds = ("volume",)
    noun = "volume"
    columns = (
        Column("name", "NAME", lambda r: r.volume.name or r.volume.id, 16, 40, "N"),
        Column(
            "status",
            "STATUS",
            lambda r: r.status,
            10,
            12,
            "S",
            lambda r: _TONES.get(r.status, "warn"),
        ),
        Column(
            "size",
            "SIZE",
            lambda r: f"{r.volume.size} GiB",
            9,
            9,
            "Z",
            order=lambda r: r.volume.size,
            right=True,
        ),
        Column("attached", "ATTACHED TO", _attached, 18, 50, "T"),
        Column("driver", "KIND", lambda r: r.volume.driver, 5, 6, "K"),
        Column(
            "age",
            "AGE",
            lambda r: words.age(r.volume.created_at),
            4,
            5,
            "A",
            order=lambda r: -r.volume.created_at,
            right=True,
        ),
        Column("host", "HOST", lambda r: r.volume.host, 10, 20, "H"),
    )

    def key(self, item: VolumeRow) -> str:
        """The volume's id."""
        return item.volume.id

    def title(self, item: VolumeRow) -> str:
        """The volume's name."""
        return item.volume.name or item.volume.id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The volumes, by name."""
        return cloud.volumes.list(all_projects=everyone)

    def rename(self) -> None:
        """Ask for another name."""
        if self.item is not None:
            self.ask_name(self.item, lambda cloud, id_, name: cloud.volumes.set(id_, name=name))

    def attach(self) -> None:
        """Ask which instance gets it."""
        if self.item is None:
            return
        if self.item.attached:
            self.desk.say(f"{self.title(self.item)} is attached to {_attached(self.item)}", "warn")
            return
        self.desk.ask_form("volume attach", {"volume": self.key(self.item)})

    def detach(self) -> None:
        """Take it from the instance that has it."""
        item = self.item
        if item is None:
            return
        if not item.attached:
            self.desk.say(f"{self.title(item)} is not attached", "warn")
            return
        id_, guest = self.key(item), item.attached[0][0]
        self.desk.perform(
            f"Detach {self.title(item)} from {guest}",
            lambda c: c.volumes.detach(id_, guest),
            dangerous=True,
        )
