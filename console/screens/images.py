"""Images: what instances are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.image import Image


def _state(image: Image) -> str:
    return "active" if image.imported else "importing"


class Images(TablePanel):
    """The images the caller may use."""

    slug = "images"
    heading = "Images"
    kinds = ("image",)
    noun = "image"
    columns = (
        Column("name", "NAME", lambda i: i.name, 18, 40, "N"),
        Column("status", "STATUS", _state, 9, 10, "S", lambda i: "good" if i.imported else "warn"),
        Column("format", "FORMAT", lambda i: i.disk_format, 6, 8, "F"),
        Column("size", "SIZE", lambda i: words.size(i.size), 9, 9, "Z", order=lambda i: i.size or 0,
               right=True),
        Column("disk", "DISK", lambda i: words.size(i.virtual_size), 9, 9, "K",
               order=lambda i: i.virtual_size or 0, right=True),
        Column("shown", "VISIBLE", lambda i: i.visibility.value, 8, 8, "V"),
        Column("kept", "KEPT", lambda i: "yes" if i.protected else "", 4, 4),
        Column("age", "AGE", lambda i: words.age(i.created_at), 4, 5, "A",
               order=lambda i: -i.created_at, right=True),
        Column("sha256", "SHA-256", lambda i: i.sha256 or "", 12, 64),
    )  # fmt: skip

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The images, by name."""
        return cloud.images.list(all_projects=everyone)

    def rename(self) -> None:
        """Ask for another name."""
        image = self.item
        if image is None:
            return
        self.desk.ask(
            f"name of {image.name}",
            image.name,
            lambda new: self.desk.perform(
                f"Rename {image.name}", lambda c: c.images.set(image.id, name=new)
            ),
        )
