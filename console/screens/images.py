"""Images: what instances are made from, who stands on them, and what is being done to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.image import ImageRow

_TONES = {"active": "good", "damaged": "bad", "deactivated": "dim"}
_BAR = 6  # cells


def _state(row: ImageRow) -> str:
    if row.progress is None:
        return row.status
    full = round(min(max(row.progress, 0.0), 1.0) * _BAR)
    return f"{'█' * full}{'░' * (_BAR - full)} {row.progress:.0%}"


class Images(TablePanel):
    """The images the caller may use."""

    slug = "images"
    heading = "Images"
    kinds = ("image",)
    noun = "image"
    topics = frozenset({"records"})
    columns = (
        Column("name", "NAME", lambda r: r.image.name, 18, 40, "N"),
        Column("status", "STATUS", _state, 11, 12, "S", lambda r: _TONES.get(r.status, "warn")),
        Column("format", "FORMAT", lambda r: r.image.disk_format, 6, 8, "F"),
        Column("size", "SIZE", lambda r: words.size(r.image.size), 9, 9, "Z",
               order=lambda r: r.image.size or 0, right=True),
        Column("disk", "DISK", lambda r: words.size(r.image.virtual_size), 9, 9, "K",
               order=lambda r: r.image.virtual_size or 0, right=True),
        Column("users", "USED", lambda r: str(r.users or ""), 4, 5, "U",
               order=lambda r: r.users, right=True),
        Column("shown", "VISIBLE", lambda r: r.image.visibility.value, 7, 8, "V"),
        Column("age", "AGE", lambda r: words.age(r.image.created_at), 4, 5, "A",
               order=lambda r: -r.image.created_at, right=True),
        Column("kept", "KEPT", lambda r: "yes" if r.image.protected else "", 4, 4),
        Column("hosts", "CACHED", lambda r: ", ".join(r.hosts) or "nowhere", 8, 20, "H"),
        Column("sha256", "SHA-256", lambda r: r.image.sha256 or "", 12, 64),
    )  # fmt: skip

    def key(self, item: ImageRow) -> str:
        """The image's id."""
        return item.image.id

    def title(self, item: ImageRow) -> str:
        """The image's name."""
        return item.image.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The images, by name."""
        return cloud.images.rows(all_projects=everyone)

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("image edit", {"id": self.key(self.item)})

    def members(self) -> None:
        """The projects that it is shared with."""
        from console.screens.members import Members

        if self.item is not None:
            self.desk.drill(Members(self.key(self.item), self.title(self.item)))

    def answer(self) -> None:
        """Ask what is made of the images that others share with this project."""
        self.desk.ask_form("image answer")

    def show_tree(self) -> None:
        """What stands on what."""
        from console.screens.chains import ChainTree

        self.desk.drill(ChainTree())

    def convert(self) -> None:
        """Ask for the format."""
        if self.item is not None:
            self.desk.ask_form("image convert", {"image": self.key(self.item)})

    def repair(self) -> None:
        """Ask where its file is to be had."""
        if self.item is not None:
            self.desk.ask_form("image repair", {"image": self.key(self.item)})

    def save(self) -> None:
        """Ask for the file that it is copied to."""
        item = self.item
        if item is None:
            return
        image = item.image
        self.desk.ask(
            f"save {image.name} as",
            f"{image.name}.{image.disk_format}",
            lambda path: self.desk.perform(
                f"Save {image.name} as {path}",
                lambda cloud: cloud.images.save(image.id, str(Path(path).expanduser())),
            ),
        )

    def switch_active(self) -> None:
        """Keep it from being used, or let it be used again."""
        item = self.item
        if item is None:
            return
        id_, active = self.key(item), not item.image.active
        word = "Activate" if active else "Deactivate"
        self.desk.perform(
            f"{word} {self.title(item)}", lambda cloud: cloud.images.set(id_, active=active)
        )

    def cancel_work(self) -> None:
        """Cancel what is being done to it."""
        item = self.item
        if item is None or not item.operation_id:
            self.desk.say("nothing is being done to it", "warn")
            return
        id_ = item.operation_id
        self.desk.perform(f"Cancel the work on {self.title(item)}",
                          lambda cloud: cloud.operations.cancel(id_))  # fmt: skip
