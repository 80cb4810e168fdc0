"""Volumes that are offered to other projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.volume_group import VolumeTransfer


class Item(NamedTuple):
    """An offer, and what it is of."""

    row: VolumeTransfer
    volume: str
    size: int
    project: str


class Transfers(TablePanel):
    """What the project offers, or anybody. What is offered to it is known by id and key alone."""

    slug = "transfers"
    heading = "Transfers"
    kinds = ("transfer",)
    noun = "transfer"
    columns = (
        Column("name", "NAME", lambda i: i.row.name, 10, 36, "N"),
        Column("volume", "VOLUME", lambda i: i.volume, 14, 40, "V"),
        Column("size", "SIZE", lambda i: f"{i.size} GiB", 7, 9, "Z", order=lambda i: i.size,
               right=True),
        Column("id", "ID", lambda i: i.row.id, 36, 36, "I"),
        Column("age", "AGE", lambda i: words.age(i.row.created_at), 4, 5, "A",
               order=lambda i: -i.row.created_at, right=True),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The offer's id."""
        return item.row.id

    def title(self, item: Item) -> str:
        """What it is of."""
        return item.volume

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The offers, by name."""
        volumes = {row.volume.id: row.volume for row in cloud.volumes.list(all_projects=everyone)}
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(row, volume.name or volume.id, volume.size, projects.get(row.project_id, ""))
            for row in cloud.transfers.list(all_projects=everyone)
            if (volume := volumes.get(row.volume_id)) is not None
        ]

    @property
    def nothing(self) -> str:
        """What is done here."""
        more = "; c offers a volume, a accepts one by its id and key" if self.desk.writes else ""
        return super().nothing if self.filtered else f"nothing is offered here{more}"

    def accept(self) -> None:
        """Ask for an offer's id and key."""
        self.desk.ask_form("transfer accept")
