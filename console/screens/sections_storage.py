"""What is said of volumes, of what is kept of them, of their groups and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backends.cloud import Cloud

    # A title and rows of (label, text, tone).
    Section = tuple[str, Sequence[tuple[str, str, str]]]


def storage_names(cloud: Cloud) -> dict[str, str]:
    """What ids in records of storage stand for."""
    rows: list[Any] = [row.volume for row in cloud.volumes.list(all_projects=True)]
    rows += [row.snapshot for row in cloud.snapshots.list(all_projects=True)]
    rows += [row.backup for row in cloud.backups.list(all_projects=True)]
    rows += [row.group for row in cloud.volume_groups.list(all_projects=True)]
    rows += [row.snapshot for row in cloud.volume_groups.snapshots(all_projects=True)]
    rows += [*cloud.volume_types.list(), *cloud.images.list(all_projects=True)]
    return {row.id: row.name for row in rows}


def _volume(cloud: Cloud, id_: str) -> Iterator[Section]:
    attached = cloud.volumes.show(id_).attached
    yield "Attached to", [(device, name, "") for name, device in attached]


def _volume_group(cloud: Cloud, id_: str) -> Iterator[Section]:
    held = [
        (each.name or each.id, f"{each.size} GiB in {each.pool}", "")
        for each in cloud.volume_groups.show(id_).volumes
    ]
    yield "Volumes", held or [("", "none", "dim")]
    kept = [
        (each.snapshot.name or each.snapshot.id, each.status, "")
        for each in cloud.volume_groups.snapshots(all_projects=True)
        if each.snapshot.group_id == id_
    ]
    yield "Snapshots", kept or [("", "none", "dim")]


def _group_snapshot(cloud: Cloud, id_: str) -> Iterator[Section]:
    volumes = {row.volume.id: row.volume for row in cloud.volumes.list(all_projects=True)}
    rows = []
    for part in cloud.volume_groups.show_snapshot(id_).parts:
        volume = volumes.get(part.volume_id)
        name = (volume.name if volume else "") or part.volume_id
        rows.append((name, f"{part.size} GiB  ({part.id})", ""))
    yield "Snapshots of it", rows or [("", "none", "dim")]


def _volume_qos(cloud: Cloud, id_: str) -> Iterator[Section]:
    types = cloud.volume_types.qos_show(id_)[1]
    yield "Types", [(each.name, each.description, "") for each in types] or [("", "none", "dim")]


# By noun: what stands below its record.
STORAGE: dict[str, Callable[[Cloud, str], Iterator[Section]]] = {
    "volume": _volume,
    "volume_group": _volume_group,
    "group_snapshot": _group_snapshot,
    "volume_qos": _volume_qos,
}
