"""Pools: a label, which tells where volumes lie, and an export that is mounted."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.step import Step
from backends.drivers.volumes.pool import NFS, pool_of
from backends.drivers.volumes.steps import DropPool, MountPool
from backends.plan import labels
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """The label is there and right, or gone; so is the mount."""
    pool = records.pools[unit.id]
    found = facts.labels.get(("pool", unit.id))
    if pool.absent:
        steps: list[Step] = [DropPool(pool_of(pool))]
        if found is not None:
            steps.append(RemoveLabel("pool", unit.id))
        return UnitPlan(unit, tuple(steps), removes=True)
    label = labels.pool(pool)
    steps = []
    if pool.driver == NFS and facts.mounts.get(pool.name) != pool.place:
        steps.append(MountPool(pool_of(pool)))
    if found != label:
        steps.append(WriteLabel("pool", unit.id, label))
    return UnitPlan(unit, tuple(steps))
