"""Volumes: made once; one that was lost is told, never replaced by an empty one."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.step import Step
from backends.drivers.volumes.steps import CreateVolume, LabelVolume, RemoveVolume
from backends.plan import labels
from backends.plan.plan import Problem, UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings

GIB = 1 << 30


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that make, label or remove the volume."""
    volume = records.volumes[unit.id]
    fact = facts.volumes.get(unit.id)
    if volume.absent:
        # Before it was made, a killed creation may have left a part of it that is no volume yet.
        gone = fact is None and volume.made
        steps: tuple[Step, ...] = () if gone else (RemoveVolume(unit.id, volume.driver),)
        return UnitPlan(unit, steps, removes=True)
    label = labels.volume(volume)
    if fact is None:
        if volume.made:
            lost = Problem(
                "volume.lost", f"volume {volume.name or volume.id} is gone from the machine"
            )
            return UnitPlan(unit, (), (lost,))
        create = CreateVolume(unit.id, volume.driver, volume.size * GIB, label)
        return UnitPlan(unit, (create,), settles=True)
    if fact.label != label:
        return UnitPlan(unit, (LabelVolume(unit.id, volume.driver, label),))
    return UnitPlan(unit, settles=not volume.made)
