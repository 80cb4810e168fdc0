"""Images that are made of an instance's root disk."""

from __future__ import annotations

from collections.abc import Iterable

from backends.drivers.libvirt.steps import BackUpDisk
from backends.drivers.qemu_img.steps import CopyOut, ImportImage, RemoveDisk
from backends.drivers.step import Step
from backends.records.tables import Image
from backends.settings import Settings, captured_disk, root_disk

_SCHEME = "instance:"


def source_of(instance_id: str, generation: int) -> str:
    """What such an image's record has as its source."""
    return f"{_SCHEME}{instance_id}:{generation}"


def is_capture(image: Image) -> bool:
    """Whether an image is made of an instance."""
    return bool(image.source and image.source.startswith(_SCHEME))


def taken(image: Image, settings: Settings) -> Iterable[Step]:
    """Copy the disk as it is at one moment, by QEMU where it runs; then import the copy."""
    instance_id, _, generation = (image.source or "").removeprefix(_SCHEME).partition(":")
    disk = root_disk(int(generation))
    copy = captured_disk(image.id)
    folder = settings.instance_folder(instance_id)
    yield BackUpDisk(instance_id, f"{folder}/{disk}", f"{folder}/{copy}")
    yield CopyOut(instance_id, disk, copy)
    yield ImportImage(image.id, f"{folder}/{copy}", image.disk_format)


def ended(image: Image) -> Iterable[Step]:
    """Remove the copy, once it is an image or will be none."""
    if is_capture(image):
        instance_id, _, _ = (image.source or "").removeprefix(_SCHEME).partition(":")
        yield RemoveDisk(instance_id, captured_disk(image.id))
