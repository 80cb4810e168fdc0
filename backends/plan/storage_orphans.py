"""Volumes, snapshots, backups and pools that carry the cloud's label and have no record."""

from __future__ import annotations

from collections.abc import Iterator

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel
from backends.drivers.libvirt.steps import TakeKeyBack
from backends.drivers.step import Step
from backends.drivers.volumes.facts import backup_in
from backends.drivers.volumes.pool import NFS, Pool, default_pool, of_labels
from backends.drivers.volumes.steps import (
    DropPool,
    RemoveBackup,
    RemoveKey,
    RemoveSnapshot,
    RemoveVolume,
)
from backends.plan.orphan import Orphan, named
from backends.records.snapshot import Records
from backends.settings import Settings

# Kinds whose label files are part of more than the label.
KINDS = ("backup", "pool")


def orphans(records: Records | None, facts: Facts, settings: Settings) -> Iterator[Orphan]:
    """What hangs on something comes before it."""
    labels = [text for (kind, _), text in facts.labels.items() if kind == "pool"]
    pools = {each.name: each for each in (default_pool(settings), *of_labels(labels))}
    yield from _backups(records, facts)
    for id_, fact in facts.snapshots.items():
        if (records is None or id_ not in records.snapshots) and fact.pool in pools:
            name, pool = named(fact.label, "snapshot"), pools[fact.pool]
            gone: list[Step] = [RemoveSnapshot(id_, pool), *_key(fact.label, "snapshot", facts)]
            yield Orphan("snapshot", id_, f"{fact.driver} snapshot", tuple(gone), name)
    yield from _volumes(records, facts, pools)
    for (kind, id_), text in facts.labels.items():
        if kind == "pool" and (records is None or id_ not in records.pools):
            drop = [DropPool(pool) for pool in of_labels([text])]
            yield Orphan(
                "pool", id_, "label file", (*drop, RemoveLabel("pool", id_)), named(text, "pool")
            )
    known = {*pools, *(row.name for row in records.pools.values())} if records else {*pools}
    for name, export in facts.mounts.items():
        if name not in known:
            drop = [DropPool(Pool(name, NFS, export))]
            yield Orphan("mount", name, f"{export} is mounted for it", tuple(drop))


def _volumes(records: Records | None, facts: Facts, pools: dict[str, Pool]) -> Iterator[Orphan]:
    for id_, fact in facts.volumes.items():
        if records is not None and id_ in records.volumes:
            continue
        gone: list[Step] = [
            RemoveVolume(id_, pools[each.pool]) for each in fact.places() if each.pool in pools
        ]
        gone += _key(fact.label, "volume", facts)
        name = named(fact.label, "volume")
        yield Orphan("volume", id_, f"{fact.driver} volume", tuple(gone), name)


def _backups(records: Records | None, facts: Facts) -> Iterator[Orphan]:
    for (kind, id_), text in facts.labels.items():
        if kind != "backup" or (records is not None and id_ in records.backups):
            continue
        folder = backup_in(text)
        # A label that leads elsewhere than to a folder of its own name is not followed.
        ours = folder is not None and folder.name == id_
        steps: list[Step] = [RemoveBackup(id_, str(folder))] if ours else []
        yield Orphan(
            "backup", id_, f"backup in {folder}", (*steps, RemoveLabel("backup", id_)),
            named(text, "backup"),
        )  # fmt: skip


def _key(label: str, kind: str, facts: Facts) -> list[Step]:
    """Its key, where nothing else that is there has it."""
    key = named(label, kind, "key_id")
    labels = [
        *(fact.label for fact in facts.volumes.values()),
        *(fact.label for fact in facts.snapshots.values()),
        *(text for (kind, _), text in facts.labels.items() if kind == "backup"),
    ]
    if not key or sum(key in text for text in labels) > 1:
        return []
    return [TakeKeyBack(key), RemoveKey(key)]
