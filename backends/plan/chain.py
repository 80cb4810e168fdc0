"""Moving a root disk from what it stands on to something else, or to nothing."""

from __future__ import annotations

from collections.abc import Iterable

from backends.drivers.libvirt.steps import FlattenDisk
from backends.drivers.qemu_img.facts import InstanceFiles
from backends.drivers.qemu_img.steps import RebaseDisk
from backends.drivers.step import Step
from backends.plan.plan import Problem
from backends.records.snapshot import Records
from backends.records.tables import Instance
from backends.settings import Settings, root_disk


def is_moving(instance: Instance, files: InstanceFiles) -> bool:
    """Whether its root disk is to stand on something else, and does not yet."""
    disk = root_disk(instance.disk_generation)
    if instance.leaving_id is None or disk not in files.disks:
        return False
    return files.bases.get(disk) != instance.base_id


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
