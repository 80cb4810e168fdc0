"""What plans of volumes, snapshots and backups share: pools, sizes, sources."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.libvirt.steps import TakeKeyBack
from backends.drivers.qemu_img.formats import QEMU_NAMES
from backends.drivers.step import Step
from backends.drivers.volumes.pool import LUKS_HEADER, Pool, default_pool, pool_of
from backends.drivers.volumes.steps import RemoveKey, Source
from backends.plan.plan import Problem
from backends.records.snapshot import Records
from backends.records.tables import Volume, VolumeBackup, VolumeSnapshot
from backends.settings import DEFAULT_POOL, Settings

GIB = 1 << 30


def pool_named(name: str, records: Records, settings: Settings) -> Pool:
    """The pool of this name; the default one needs no record."""
    if name == DEFAULT_POOL:
        return default_pool(settings)
    return next(pool_of(row) for row in records.pools.values() if row.name == name)


def out_of_reach(pool: Pool, facts: Facts) -> Problem | None:
    """Why nothing can be said of what lies in a pool. It is not lost for that."""
    fact = facts.pools.get(pool.name)
    if fact is None or not fact.error:
        return None
    return Problem("pool.unreachable", f"pool {pool.name}: {fact.error}")


def bytes_of(volume: Volume | VolumeSnapshot) -> int:
    """How large it is in its pool; an encrypted one has a frame around its content."""
    return volume.size * GIB + (LUKS_HEADER if volume.key_id else 0)


def source_of(volume: Volume, records: Records, settings: Settings) -> Source:
    """What a new volume is filled from."""
    kind, id_ = volume.source_kind, volume.source_id
    if kind == "image":
        return Source(kind, id_, format=QEMU_NAMES[records.images[id_].disk_format])
    if kind == "snapshot":
        snapshot = records.snapshots[id_]
        pool = pool_named(records.volumes[snapshot.volume_id].pool, records, settings)
        return Source(kind, id_, pool, size=bytes_of(snapshot))
    if kind == "volume":
        origin = records.volumes[id_]
        pool = pool_named(origin.pool, records, settings)
        guests, halts = guests_of(id_, records), bool(origin.key_id)
        return Source(kind, id_, pool, guests=guests, halts=halts, size=bytes_of(origin))
    if kind == "backup":
        return Source(kind, id_, place=records.backups[id_].folder)
    return Source()


def guests_of(volume_id: str, records: Records) -> tuple[str, ...]:
    """The instances that can write to a volume."""
    holders = records.holders.get(volume_id, ())
    return tuple(sorted(each.instance_id for each in holders if not each.read_only))


def forget_key(row: Volume | VolumeSnapshot | VolumeBackup, records: Records) -> list[Step]:
    """The key goes with the last thing that it opens."""
    if row.key_id and records.keys.get(row.key_id, set()) <= {row.id}:
        return [TakeKeyBack(row.key_id), RemoveKey(row.key_id)]
    return []
