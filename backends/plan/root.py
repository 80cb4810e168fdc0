"""The disks of an instance's own: its root disk, and the one it is rescued from."""

from __future__ import annotations

from collections.abc import Iterable

from backends.drivers.qemu_img.facts import InstanceFiles
from backends.drivers.qemu_img.steps import CopyDisk, CreateOverlay, RemoveDisk
from backends.drivers.step import Step
from backends.plan.plan import Problem
from backends.records.snapshot import Records
from backends.records.tables import Instance
from backends.settings import RESCUE, root_disk

GIB = 1 << 30


def wanted(instance: Instance) -> frozenset[str]:
    """The names of the disks it should have; what a resize can go back to among them."""
    names = set()
    if not instance.root_volume_id:
        names.add(root_disk(instance.disk_generation))
        if previous := instance.previous:
            names.add(root_disk(int(previous["disk_generation"])))
    if instance.rescue_image_id:
        names.add(RESCUE)
    return frozenset(names)


def problem(instance: Instance, files: InstanceFiles) -> Problem | None:
    """A disk that was there and is gone: no empty one takes its place."""
    if instance.root_volume_id:
        return None
    if instance.made and root_disk(instance.disk_generation) not in files.disks:
        return Problem("instance.disk.lost", f"the root disk of {instance.name} is gone")
    older = _older(instance)
    if older and older not in files.disks:
        text = f"the root disk that {instance.name} had before its resize is gone"
        return Problem("instance.disk.lost", text)
    return None


def made(instance: Instance, files: InstanceFiles, records: Records) -> Iterable[Step]:
    """Make what is lacking. Nothing may run on an older disk meanwhile."""
    name = root_disk(instance.disk_generation)
    size = instance.disk * GIB
    if name not in files.disks and not instance.root_volume_id:
        older = _older(instance)
        if older:
            yield CopyDisk(instance.id, older, name, size)
        else:
            yield _overlay(instance.id, instance.image_id, records, size, name)
    if instance.rescue_image_id and RESCUE not in files.disks:
        yield _overlay(instance.id, instance.rescue_image_id, records, 0, RESCUE)


def removed(files: InstanceFiles, kept: frozenset[str]) -> Iterable[Step]:
    """Remove those that it no longer runs on."""
    for name in sorted(files.disks - kept):
        yield RemoveDisk(files.id, name)


def _older(instance: Instance) -> str:
    """The disk that a resize copied, and goes back to; empty where there is none."""
    previous = instance.previous
    if not previous:
        return ""
    generation = int(previous["disk_generation"])
    return root_disk(generation) if generation != instance.disk_generation else ""


def _overlay(
    instance_id: str, image_id: str | None, records: Records, size: int, name: str
) -> CreateOverlay:
    image = records.images.get(image_id or "")
    return CreateOverlay(instance_id, image_id, image.disk_format if image else "", size, name)
