"""Volumes: made once; one that was lost is told, never replaced by an empty one."""

from __future__ import annotations

from dataclasses import replace

from backends.drivers.facts import Facts
from backends.drivers.libvirt.steps import TakeKeyBack
from backends.drivers.step import Step
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.pool import Pool
from backends.drivers.volumes.steps import (
    CopyVolume,
    CreateVolume,
    ExtendVolume,
    LabelVolume,
    OfferVolume,
    RemoveVolume,
    RestoreBackup,
    RevertVolume,
)
from backends.plan import labels, storage
from backends.plan.disk import disk_of
from backends.plan.plan import Problem, UnitPlan
from backends.plan.storage import GIB, pool_named
from backends.records.snapshot import Records
from backends.records.tables import Volume
from backends.records.unit import Unit
from backends.settings import Settings

__all__ = ["GIB", "plan"]


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that make, label, grow, put back, move or remove the volume."""
    volume = records.volumes[unit.id]
    pool = pool_named(volume.pool, records, settings)
    if (problem := storage.out_of_reach(pool, facts)) is not None:
        return UnitPlan(unit, (), (problem,))
    found = facts.volumes.get(unit.id)
    if volume.absent:
        return UnitPlan(unit, tuple(_remove(volume, pool, found, records, settings)), removes=True)
    fact = found.in_pool(pool.name) if found else None
    if fact is None:
        return _make(unit, volume, pool, records, settings)
    steps = _mend(volume, pool, fact, records)
    once = _once(volume, pool, fact, records, facts, settings)
    if volume.made and not once:
        steps += _elsewhere(volume, pool, found, records, settings)
    return UnitPlan(unit, (*steps, *once), settles=bool(once) or not volume.made)


def _make(unit: Unit, volume: Volume, pool: Pool, records: Records, settings: Settings) -> UnitPlan:
    if volume.made and volume.revert_to and not pool.is_block:
        # What the snapshot holds is all that is left of it.
        step = RevertVolume(unit.id, volume.revert_to, pool, storage.bytes_of(volume))
        return UnitPlan(unit, (step,), settles=True)
    if volume.made:
        text = f"volume {volume.name or volume.id} is gone from the machine"
        return UnitPlan(unit, (), (Problem("volume.lost", text),))
    source = storage.source_of(volume, records, settings)
    size, label = storage.bytes_of(volume), labels.volume(volume)
    create = CreateVolume(unit.id, pool, size, label, source, volume.key_id or "")
    return UnitPlan(unit, (create,), settles=True, final=not _is_offered(volume, pool, records))


def _mend(volume: Volume, pool: Pool, fact: VolumeFact, records: Records) -> list[Step]:
    steps: list[Step] = []
    size = storage.bytes_of(volume)
    if fact.size < size:
        steps.append(ExtendVolume(volume.id, pool, size))
    if _is_offered(volume, pool, records) and (steps or not fact.offered):
        guests = storage.guests_of(volume.id, records)
        steps.append(OfferVolume(volume.id, pool, max(size, fact.size), guests))
    if fact.label != (label := labels.volume(volume)):
        steps.append(LabelVolume(volume.id, pool, label))
    return steps


def _is_offered(volume: Volume, pool: Pool, records: Records) -> bool:
    """Whether it is to have a target: as long as an instance has it. Until it goes it may have."""
    return bool(pool.host and records.holders.get(volume.id))


def _once(
    volume: Volume,
    pool: Pool,
    fact: VolumeFact,
    records: Records,
    facts: Facts,
    settings: Settings,
) -> list[Step]:
    """What is to happen once; the record forgets the wish when it is done."""
    size = max(fact.size, storage.bytes_of(volume))
    if volume.revert_to:
        return [RevertVolume(volume.id, volume.revert_to, pool, size)]
    if volume.restore_from:
        backup = records.backups[volume.restore_from]
        return [RestoreBackup(volume.id, pool, size, backup.id, backup.folder)]
    if volume.target_pool:
        target = pool_named(volume.target_pool, records, settings)
        label = labels.volume(volume, pool=target.name, driver=target.driver)
        copy = CopyVolume(volume.id, pool, target, size, label)
        for each in records.holders.get(volume.id, ()):
            disk = disk_of(each, records, settings, target)
            copy = replace(copy, guest=each.instance_id, disk=disk)
        return [copy]
    return []


def _elsewhere(
    volume: Volume, pool: Pool, found: VolumeFact | None, records: Records, settings: Settings
) -> list[Step]:
    """What a move left where it came from. What is in its own pool is whole."""
    steps: list[Step] = []
    for each in found.places() if found else ():
        if each.pool == pool.name:
            continue
        other = pool_named(each.pool, records, settings)
        if other.host and not pool.host:
            steps.append(TakeKeyBack(volume.id))
        steps.append(RemoveVolume(volume.id, other, keeps_key=bool(pool.host)))
    return steps


def _remove(
    volume: Volume, pool: Pool, found: VolumeFact | None, records: Records, settings: Settings
) -> list[Step]:
    pools = {each.pool for each in found.places()} if found else set()
    if pool.host or not volume.made:
        # A killed creation may have left a part of it that is no volume yet.
        pools.add(pool.name)
    if volume.target_pool:
        pools.add(volume.target_pool)
    places = [pool_named(name, records, settings) for name in sorted(pools)]
    steps: list[Step] = [RemoveVolume(volume.id, each) for each in places]
    if any(each.host for each in places):
        steps.append(TakeKeyBack(volume.id))
    return [*steps, *storage.forget_key(volume, records)]
