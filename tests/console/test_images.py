"""The images panel: what is done to an image, its tree, and the forms that ask for more."""

from __future__ import annotations

from typing import Any

from backends.drivers.qemu_img.usage import Usage
from backends.inspect.chain import Link
from backends.records.image import Image
from backends.services.image import ImageRow
from console.screens import images
from console.screens.chains import drawn


def image(**values: Any) -> Image:
    given: dict[str, Any] = {"project_id": "p", "name": "lab", "disk_format": "qcow2"}
    return Image(**(given | {"imported": True} | values))


def row(progress: float | None = None, **values: Any) -> ImageRow:
    return ImageRow(image(**values), 2, progress, "", ("deck",))


def test_an_images_state_is_a_word_or_how_far_it_is() -> None:
    assert row().status == "active"
    assert row(active=False).status == "deactivated"
    assert row(damaged=True).status == "damaged"
    assert row(convert_to="raw").status == "converting"
    assert row(imported=False).status == "importing"
    assert images._state(row(imported=False)) == "importing"
    assert images._state(row(0.5, imported=False)) == "███░░░ 50%"


def test_a_chain_is_drawn_as_a_tree() -> None:
    usage = Usage(17 << 20, 1 << 30, 1)
    snapshot = Link("snapshot", "3", "web-monday", "qcow2", usage)
    web = Link("disk", "2", "web", "qcow2", usage, "moving", (snapshot,))
    db = Link("disk", "4", "db", "qcow2", None)
    roots = [
        Link("lost", "1", "lab", "qcow2", None, "its file is gone", (db, web)),
        Link("image", "5", "old", "raw", usage),
    ]
    text = [line.text.rstrip() for line in drawn(roots)]
    assert text == [
        " LOST lab  qcow2 · 2 on it  its file is gone",
        " ├─ disk of db",
        " └─ disk of web  17 MiB on disk  moving",
        "    └─ snapshot web-monday  qcow2 · 17 MiB on disk",
        " old  raw · 17 MiB on disk",
    ]
