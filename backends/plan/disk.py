"""The disks that volumes are to their guests."""

from __future__ import annotations

from backends.drivers.libvirt.facts import DomainFact
from backends.drivers.libvirt.spec import TUNES, Disk
from backends.drivers.libvirt.steps import ISCSI, LendKey, ResizeDisk, TuneDisk
from backends.drivers.step import Step
from backends.drivers.volumes.pool import Pool, place_of, portal
from backends.plan.storage import GIB, pool_named
from backends.records.snapshot import Records
from backends.records.tables import Attachment, Volume
from backends.settings import Settings


def disk_of(
    attachment: Attachment, records: Records, settings: Settings, pool: Pool | None = None
) -> Disk:
    """The disk that an attached volume is to its guest, where it lies or in another pool."""
    volume = records.volumes[attachment.volume_id]
    pool = pool or pool_named(volume.pool, records, settings)
    far = bool(pool.host)
    return Disk(
        path=place_of(pool, settings, volume.id),
        portal=":".join(map(str, portal(pool))) if far else "",
        format="raw",
        target=attachment.device,
        serial=volume.id,
        read_only=attachment.read_only or volume.read_only,
        block=pool.is_block and not far,
        size=volume.size * GIB,
        key=volume.key_id or "",
        shared=volume.multiattach,
        tune=tune_of(volume, records),
    )


def tune_of(volume: Volume, records: Records) -> tuple[tuple[str, int], ...]:
    """The limits that its type's QoS sets for the front end."""
    kind = records.types.get(volume.type_id or "")
    qos = records.qos.get(kind.qos_id or "") if kind else None
    if qos is None or qos.consumer == "back-end":
        return ()
    return tuple((name, int(qos.specs[name])) for name in TUNES if name in qos.specs)


def lend_keys(disks: tuple[Disk, ...]) -> list[Step]:
    """What opens the encrypted ones, before they are used."""
    keys = [LendKey(key) for key in sorted({disk.key for disk in disks if disk.key})]
    return [*keys, *(LendKey(disk.serial, ISCSI) for disk in disks if disk.portal)]


def changes(domain_id: str, disk: Disk, fact: DomainFact) -> list[Step]:
    """What of an attached disk has changed since the guest was told of it."""
    steps: list[Step] = []
    known = [each for each in fact.sizes if each.startswith(f"{disk.serial}=")]
    if disk.size and known and f"{disk.serial}={disk.size}" not in known:
        steps.append(ResizeDisk(domain_id, disk.serial, disk.size))
    found = {(name, value) for serial, name, value in fact.tunes if serial == disk.serial}
    if found != set(disk.tune):
        steps.append(TuneDisk(domain_id, disk.serial, disk.tune))
    return steps
