"""Snapshots of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import (
    ALL_PROJECTS,
    DESCRIPTION,
    LONG,
    PROPERTIES,
    Command,
    arg,
    name,
    names,
)
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.services.snapshot import SnapshotRow


def create(job: Job) -> Fields:
    args, snapshots = job.args, job.cloud.snapshots
    row = snapshots.create(
        args.volume or args.name,
        args.name,
        description=args.description or "",
        force=args.force,
        properties=dict(args.properties),
    )
    return _fields(snapshots.show(row.id))


def list_(job: Job) -> Rows:
    args = job.args
    found = job.cloud.snapshots.list(volume=args.volume, all_projects=args.all_projects)
    columns = ("ID", "Name", "Description", "Status", "Size")
    cells = [
        (each.snapshot.id, each.snapshot.name, each.snapshot.description or None, each.status,
         each.snapshot.size)
        for each in found
        if args.status in (None, each.status)
    ]  # fmt: skip
    if not args.long:
        return Rows(columns, cells)
    more = [
        (*cell, stamp(each.snapshot.created_at), each.volume, each.snapshot.properties)
        for cell, each in zip(cells, found, strict=False)
    ]
    return Rows((*columns, "Created At", "Volume", "Properties"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud.snapshots.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.snapshots.set(
        args.name,
        name=args.new_name,
        description=args.description,
        properties=dict(args.properties),
    )


def unset(job: Job) -> None:
    job.cloud.snapshots.set(job.args.name, unset=job.args.keys)


def delete(job: Job) -> None:
    job.cloud.snapshots.delete(*job.args.names)


def _fields(row: SnapshotRow) -> Fields:
    snapshot = row.snapshot
    return Fields(
        {
            "created_at": stamp(snapshot.created_at),
            "description": snapshot.description or None,
            "id": snapshot.id,
            "name": snapshot.name,
            "project_id": snapshot.project_id,
            "properties": snapshot.properties,
            "size": snapshot.size,
            "status": row.status,
            "volume_id": snapshot.volume_id,
        }
    )


COMMANDS = (
    Command(
        "volume snapshot create", create, "Keep what a volume holds now.",
        (arg("name", metavar="NAME"),
         arg("--volume", metavar="VOLUME", help="of this volume (the one of the same name)"),
         arg("--force", action="store_true", help="of an attached one, as its guest goes on"),
         DESCRIPTION, PROPERTIES),
        "volume snapshot create --volume volume1 before-upgrade", "fields", writes=True,
    ),
    Command(
        "volume snapshot list", list_, "List snapshots of volumes.",
        (LONG, ALL_PROJECTS, arg("--volume", metavar="VOLUME", help="of this volume alone"),
         arg("--status", help="of this status alone")),
        shows="rows",
    ),
    Command("volume snapshot show", show, "Show a snapshot.", (name("SNAPSHOT"),), shows="fields"),
    Command(
        "volume snapshot set", set_, "Change what a snapshot is called.",
        (name("SNAPSHOT"), arg("--name", dest="new_name", help="a new name"), DESCRIPTION,
         PROPERTIES),
        "volume snapshot set --name kept before-upgrade", writes=True,
    ),
    Command(
        "volume snapshot unset", unset, "Take properties from a snapshot.",
        (name("SNAPSHOT"),
         arg("--property", dest="keys", action="append", default=[], metavar="KEY",
             help="the property (repeat)")),
        writes=True,
    ),
    Command(
        "volume snapshot delete", delete, "Delete snapshots; volumes made of them stay.",
        (names("SNAPSHOT"), arg("--force", action="store_true", help="accepted")), writes=True,
    ),
)  # fmt: skip
