"""Backups of volumes: made once, told when they are lost."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.step import Step
from backends.drivers.volumes.steps import CreateBackup, RemoveBackup, Source
from backends.plan import labels, storage
from backends.plan.plan import Problem, UnitPlan
from backends.records.snapshot import Records
from backends.records.tables import VolumeBackup
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that make, label or remove the backup."""
    backup = records.backups[unit.id]
    label = facts.labels.get(("backup", unit.id))
    if backup.absent:
        # Unconditional: one that was killed leaves pieces without a manifest.
        steps: list[Step] = [RemoveBackup(unit.id, backup.folder)]
        if label is not None:
            steps.append(RemoveLabel("backup", unit.id))
        return UnitPlan(unit, (*steps, *storage.forget_key(backup, records)), removes=True)
    if unit.id not in facts.backups:
        if backup.made:
            text = f"backup {backup.name or backup.id} is gone from {backup.folder}"
            return UnitPlan(unit, (), (Problem("backup.lost", text),))
        # The label comes first: it tells where to look for what a crash leaves.
        wanted = labels.backup(backup)
        told = [] if label == wanted else [WriteLabel("backup", unit.id, wanted)]
        return UnitPlan(unit, (*told, _make(backup, records, settings)), settles=True)
    if backup.made and label != (wanted := labels.backup(backup)):
        return UnitPlan(unit, (WriteLabel("backup", unit.id, wanted),))
    return UnitPlan(unit, settles=not backup.made)


def _make(backup: VolumeBackup, records: Records, settings: Settings) -> CreateBackup:
    volume = records.volumes[backup.volume_id]
    pool = storage.pool_named(volume.pool, records, settings)
    source = Source("volume", volume.id, pool)
    if backup.snapshot_id:
        source = Source("snapshot", backup.snapshot_id, pool)
    parent = records.backups[backup.parent_id].folder if backup.parent_id else ""
    size = storage.bytes_of(volume)
    return CreateBackup(backup.id, backup.folder, source, size, parent)
