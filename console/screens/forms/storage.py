"""Forms for images and volumes."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from backends.cloud import Cloud
from backends.drivers.qemu_img.convert import TARGETS
from backends.drivers.qemu_img.formats import HEAD, TAIL, tell
from backends.errors import Refused
from backends.services.base import good_name
from backends.services.image import DISK_FORMATS
from console.screens.forms.suggest import (
    PathSuggester,
    number,
    readable_file,
)
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_CONTAINERS = ("aki", "ari", "ami")


class ImageForm(Form):
    """A new image from a file on this machine, or from a URL."""

    heading = "New image"
    fields = (
        Text(
            "source", "File or URL", lambda text: _source(text), hint="path; → completes",
            suggester=PathSuggester,
        ),
        Text("name", "Name", good_name),
        Choice("format", "Disk format", tuple((each, each) for each in DISK_FORMATS), "qcow2"),
        Choice("convert", "Convert to", tuple((each, each) for each in TARGETS), optional=True,
               hint="stays as it is"),
        Text("sha256", "SHA-256", lambda text: _sum(text), optional=True, hint="not checked"),
        Choice("kernel", "Kernel", optional=True, hint="none (for ami)"),
        Choice("ramdisk", "RAM disk", optional=True, hint="none (for ami)"),
        Text("min_disk", "Min disk (GiB)", number("GiB", 0, 1 << 20), value="0"),
        Text("min_ram", "Min RAM (MiB)", number("MiB", 0, 1 << 24), value="0"),
        Toggle("public", "Public"),
        Toggle("protected", "Protected"),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        images = self.cloud.images.list()

        def of(disk_format: str) -> Loaded:
            return Loaded("", [(i.name, i.id) for i in images if i.disk_format == disk_format])

        return {"kernel": of("aki"), "ramdisk": of("ari")}

    def changed(self, name: str) -> None:
        """The source suggests a name, and its content a format."""
        if name != "source":
            return
        source = self.row("source").value
        stem = Path(urlsplit(source).path).name
        for ending in (".gz", ".xz", ".img", ".qcow2", ".raw", ".iso"):
            stem = stem.removesuffix(ending)
        self.row("name").take(Loaded(stem))
        path = Path(source).expanduser()
        chosen = self.row("format")
        if path.is_file() and chosen.value not in _CONTAINERS:
            options = [(each, each) for each in DISK_FORMATS]
            chosen.take(Loaded(_format(path), options))

    def request(self, values: Values) -> Request:
        name, source, disk_format = values["name"], values["source"], values["format"]
        container = disk_format if disk_format in _CONTAINERS else "bare"

        def create(cloud: Cloud) -> object:
            return cloud.images.create(
                name,
                source,
                disk_format=disk_format,
                container_format=container,
                convert_to=values["convert"] or None,
                sha256=values["sha256"] or None,
                visibility="public" if values["public"] else "private",
                min_disk=int(values["min_disk"]),
                min_ram=int(values["min_ram"]),
                protected=bool(values["protected"]),
                kernel=values["kernel"] or None,
                ramdisk=values["ramdisk"] or None,
            )

        return Request(f"Import image {name}", create)


def _sum(text: str) -> object:
    if text and not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise Refused("image.checksum.invalid", "a SHA-256 is 64 hexadecimal digits")
    return text.lower()


def _source(text: str) -> object:
    return text if urlsplit(text).scheme in ("http", "https") else readable_file(text)


def _format(path: Path) -> str:
    """The disk format by content, where it can be read; else the likelier one."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            size = path.stat().st_size
            file.seek(max(0, size - TAIL))
            return tell(head, file.read(TAIL))
    except OSError:
        return "qcow2"
