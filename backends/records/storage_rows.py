"""The part of a plan's records that is about storage: pools, snapshots, backups and their keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from backends.records.tables import (
    Attachment,
    QosSpec,
    StoragePool,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
    VolumeType,
)
from backends.records.unit import Kind

if TYPE_CHECKING:
    from backends.records.snapshot import Records

# The rows of a table, or those whose column has one of the values.
Rows = Callable[..., list[Any]]
_STORAGE = (Kind.POOL, Kind.VOLUME, Kind.SNAPSHOT, Kind.BACKUP, Kind.INSTANCE)


def everything(records: Records, rows: Rows) -> None:
    """All of it. The volumes are there already."""
    _ground(records, rows)
    records.snapshots = _by_id(rows(VolumeSnapshot))
    records.backups = _by_id(rows(VolumeBackup))
    _holders(records, rows(Attachment))
    _keys(records, records.volumes.values(), records.snapshots.values(), records.backups.values())


def some(records: Records, rows: Rows, ids: Mapping[Kind, Collection[str]]) -> None:
    """What the units of these ids hang on. The volumes of instances are there already."""
    if ids.get(Kind.HOST):
        records.types, records.qos = _by_id(rows(VolumeType)), _by_id(rows(QosSpec))
    if not any(ids.get(kind) for kind in _STORAGE):
        return
    _ground(records, rows)
    records.backups = _by_id(rows(VolumeBackup, VolumeBackup.id, ids.get(Kind.BACKUP, ())))
    wanted = set(ids.get(Kind.SNAPSHOT, ())) | {b.snapshot_id for b in records.backups.values()}
    snapshots = _by_id(rows(VolumeSnapshot, VolumeSnapshot.id, wanted - {""}))
    together = {s.group_snapshot_id for s in snapshots.values() if s.group_snapshot_id}
    snapshots |= _by_id(rows(VolumeSnapshot, VolumeSnapshot.group_snapshot_id, together))
    records.snapshots = snapshots
    _volumes(records, rows)
    _origins(records, rows)
    _holders(records, rows(Attachment, Attachment.volume_id, records.volumes))
    tables = (records.volumes, records.snapshots, records.backups)
    keys = {row.key_id for table in tables for row in table.values() if row.key_id}
    if keys:
        users = (rows(t, t.key_id, keys) for t in (Volume, VolumeSnapshot, VolumeBackup))
        _keys(records, *users)


def _ground(records: Records, rows: Rows) -> None:
    """Small tables: all of them."""
    records.pools = _by_id(rows(StoragePool))
    records.types = _by_id(rows(VolumeType))
    records.qos = _by_id(rows(QosSpec))


def _volumes(records: Records, rows: Rows) -> None:
    """The volumes of the snapshots and backups."""
    wanted = {each.volume_id for each in records.snapshots.values()}
    wanted |= {each.volume_id for each in records.backups.values()}
    records.volumes |= _by_id(rows(Volume, Volume.id, wanted - set(records.volumes)))


def _origins(records: Records, rows: Rows) -> None:
    """What volumes that are not made yet, or are to be put back, get their content from."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for volume in records.volumes.values():
        if not volume.made and volume.source_kind:
            by_kind[volume.source_kind].add(volume.source_id)
        by_kind["snapshot"].add(volume.revert_to)
        by_kind["backup"].add(volume.restore_from)
    snapshots = by_kind["snapshot"] - {"", *records.snapshots}
    records.snapshots |= _by_id(rows(VolumeSnapshot, VolumeSnapshot.id, snapshots))
    parents = {each.parent_id for each in records.backups.values() if each.parent_id}
    backups = (by_kind["backup"] | parents) - {"", *records.backups}
    records.backups |= _by_id(rows(VolumeBackup, VolumeBackup.id, backups))
    of_snapshots = {each.volume_id for each in records.snapshots.values()}
    volumes = (by_kind["volume"] | of_snapshots) - set(records.volumes)
    records.volumes |= _by_id(rows(Volume, Volume.id, volumes))
    if images := by_kind["image"] - set(records.images):
        from backends.records.tables import Image

        records.images |= _by_id(rows(Image, Image.id, images))


def _holders(records: Records, attachments: Collection[Attachment]) -> None:
    holders: dict[str, list[Attachment]] = defaultdict(list)
    for each in attachments:
        holders[each.volume_id].append(each)
    records.holders = holders


def _keys(records: Records, *tables: Collection[Any]) -> None:
    keys: dict[str, set[str]] = defaultdict(set)
    for table in tables:
        for row in table:
            if row.key_id:
                keys[row.key_id].add(row.id)
    records.keys = keys


def _by_id(found: Collection[Any]) -> dict[str, Any]:
    return {row.id: row for row in found}
