"""Moving a root disk from what it stands on to something else, or to nothing."""

from __future__ import annotations

from collections.abc import Iterable

from backends.drivers.libvirt.steps import FlattenDisk
from backends.drivers.qemu_img.facts import InstanceFiles
from backends.drivers.qemu_img.steps import CommitDisk, EmptyDisk, RebaseDisk
from backends.drivers.step import Step
from backends.plan.plan import Problem
from backends.records.snapshot import Records
from backends.records.tables import Image, Instance
from backends.settings import Settings, root_disk

_SCHEME = "overlay:"


def source_of(instance_id: str, generation: int) -> str:
    """What the record of an image that an instance's disk is written into has as its source."""
    return f"{_SCHEME}{instance_id}:{generation}"


def taken_in(image: Image) -> tuple[str, str] | None:
    """The instance and its disk that are yet to be written into an image."""
    if image.imported or not image.source or not image.source.startswith(_SCHEME):
        return None
    instance_id, _, generation = image.source.removeprefix(_SCHEME).partition(":")
    return instance_id, root_disk(int(generation))


def committed(image: Image) -> Iterable[Step]:
    """The image is whole before the disk is emptied; until then the disk holds the same."""
    if found := taken_in(image):
        yield CommitDisk(*found, image.id, image.disk_format)
        yield EmptyDisk(*found, image.id, image.disk_format)


def is_moving(instance: Instance, files: InstanceFiles) -> bool:
    """Whether its root disk is to stand on something else, and does not yet."""
    if instance.leaving_id is None:
        return False
    disk = root_disk(instance.disk_generation)
    return disk in files.disks and files.bases.get(disk) != instance.base_id


def moved(
    instance: Instance, files: InstanceFiles, records: Records, settings: Settings, *, live: bool
) -> Iterable[Step]:
    """QEMU itself copies where the guest runs; else `qemu-img` does."""
    if not is_moving(instance, files):
        return
    disk = root_disk(instance.disk_generation)
    if live and instance.base_id is None:
        yield FlattenDisk(instance.id, f"{settings.instance_folder(instance.id)}/{disk}")
    elif not live:
        image = records.images.get(instance.base_id or "")
        yield RebaseDisk(instance.id, disk, instance.base_id, image.disk_format if image else "")


def problems(instance: Instance, files: InstanceFiles, *, live: bool) -> Iterable[Problem]:
    """A guest that was started before its disk was on its new base keeps the old one."""
    if live and instance.base_id is not None and is_moving(instance, files):
        text = f"the root disk of {instance.name} is put on another image once it is stopped"
        yield Problem("instance.running", text)
