"""Snapshots of volumes: made once, those of one group at one moment."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.step import Step
from backends.drivers.volumes.pool import Pool
from backends.drivers.volumes.steps import CreateSnapshots, LabelSnapshot, RemoveSnapshot, Shot
from backends.plan import labels, storage
from backends.plan.plan import Problem, UnitPlan
from backends.records.snapshot import Records
from backends.records.tables import VolumeSnapshot
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that make, label or remove the snapshot."""
    snapshot = records.snapshots[unit.id]
    pool = storage.pool_named(records.volumes[snapshot.volume_id].pool, records, settings)
    if (problem := storage.out_of_reach(pool, facts)) is not None:
        return UnitPlan(unit, (), (problem,))
    fact = facts.snapshots.get(unit.id)
    if snapshot.absent:
        gone = fact is None and snapshot.made
        steps: list[Step] = [] if gone else [RemoveSnapshot(unit.id, pool)]
        steps += storage.forget_key(snapshot, records)
        return UnitPlan(unit, tuple(steps), removes=True)
    if fact is None:
        if snapshot.made:
            text = f"snapshot {snapshot.name or snapshot.id} is gone from the machine"
            return UnitPlan(unit, (), (Problem("snapshot.lost", text),))
        return UnitPlan(unit, (_make(snapshot, pool, records),), settles=True)
    if snapshot.made and fact.label != (label := labels.snapshot(snapshot)):
        return UnitPlan(unit, (LabelSnapshot(unit.id, pool, label),))
    return UnitPlan(unit, settles=not snapshot.made)


def _make(snapshot: VolumeSnapshot, pool: Pool, records: Records) -> CreateSnapshots:
    """With those of its group: they are of one moment, so all are made when one is missing."""
    group = snapshot.group_snapshot_id
    together = [snapshot]
    if group:
        rows = (each for each in records.snapshots.values() if each.group_snapshot_id == group)
        together = sorted((each for each in rows if not each.made), key=lambda each: each.id)
    shots = tuple(Shot(each.volume_id, each.id, labels.snapshot(each)) for each in together)
    guests = {id_ for each in together for id_ in storage.guests_of(each.volume_id, records)}
    halts = any(each.key_id for each in together)
    return CreateSnapshots(pool, shots, tuple(sorted(guests)), halts)
