"""Where an image is to come from, looked at before anything is recorded."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from backends.drivers.qemu_img.person import check_plain, open_as
from backends.drivers.qemu_img.probe import glance_at


def source_of(source: str, disk_format: str, uid: int | None) -> str:
    """The URL, or the absolute path of a file that the user `uid` may read and that seems right.

    What QEMU says of it comes once it is copied: it may change until then. Raises Refused
    `image.source.missing`, `image.path.*`, and what `probe.glance_at` raises.
    """
    if urlsplit(source).scheme in ("http", "https"):
        return source
    path = str(Path(source).expanduser().absolute())
    descriptor = open_as(uid, path, os.O_RDONLY)
    check_plain(descriptor, path, "image.source.missing", devices=uid is None)
    with open(descriptor, "rb") as file:
        glance_at(file, disk_format)
    return path
