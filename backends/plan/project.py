"""Projects: nothing on the machine but a label."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.plan import labels
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """The label is there and right, or gone."""
    project = records.projects[unit.id]
    found = facts.labels.get(("project", unit.id))
    if project.absent:
        steps = (RemoveLabel("project", unit.id),) if found is not None else ()
        return UnitPlan(unit, steps, removes=True)
    label = labels.project(records, project)
    if found == label:
        return UnitPlan(unit)
    return UnitPlan(unit, (WriteLabel("project", unit.id, label),))
