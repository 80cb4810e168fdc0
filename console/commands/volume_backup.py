"""Backups of volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import (
    ALL_PROJECTS,
    DESCRIPTION,
    LONG,
    Command,
    arg,
    name,
    names,
)
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.services.backup import BackupRow


def create(job: Job) -> Fields:
    from backends.services.backup import NewBackup

    args, backups = job.args, job.cloud.backups
    row = backups.create(
        NewBackup(
            args.volume,
            args.new_name or "",
            args.description or "",
            args.container,
            args.snapshot,
            args.incremental,
            args.force,
        )
    )
    return _fields(backups.show(row.id))


def list_(job: Job) -> Rows:
    args = job.args
    found = [
        each
        for each in job.cloud.backups.list(volume=args.volume, all_projects=args.all_projects)
        if args.name in (None, each.backup.name) and args.status in (None, each.status)
    ]
    columns = ("ID", "Name", "Description", "Status", "Size", "Incremental", "Created At")
    cells = [
        (each.backup.id, each.backup.name, each.backup.description or None, each.status,
         each.backup.size, each.backup.parent_id is not None, stamp(each.backup.created_at))
        for each in found
    ]  # fmt: skip
    if not args.long:
        return Rows(columns, cells)
    more = [
        (*cell, each.volume or each.backup.volume_id, each.backup.container, each.backup.stored)
        for cell, each in zip(cells, found, strict=True)
    ]
    return Rows((*columns, "Volume", "Container", "Stored"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud.backups.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.backups.set(args.name, name=args.new_name, description=args.description)


def restore(job: Job) -> Fields:
    """Over a volume that is there; else a new one of the name."""
    from backends.errors import NotFound
    from backends.records.identity import Role
    from backends.services.volume import NewVolume

    args, cloud = job.args, job.cloud
    cloud.caller.require(Role.MEMBER, "restore a backup")
    backup = cloud.backups.show(args.name).backup
    target = args.volume or f"restore_backup_{backup.id}"
    try:
        cloud.volumes.show(target)
    except NotFound:
        row = cloud.volumes.make(NewVolume(target, backup=backup.id))
        return Fields({"backup_id": backup.id, "volume_id": row.id, "volume_name": row.name})
    row = cloud.backups.restore(backup.id, target)
    return Fields({"backup_id": backup.id, "volume_id": row.id, "volume_name": row.name})


def verify(job: Job) -> None:
    job.each(job.args.names, job.cloud.backups.verify)


def delete(job: Job) -> None:
    job.cloud.backups.delete(*job.args.names)


def _fields(row: BackupRow) -> Fields:
    backup = row.backup
    return Fields(
        {
            "container": backup.container,
            "created_at": stamp(backup.created_at),
            "description": backup.description or None,
            "has_dependent_backups": row.dependents > 0,
            "id": backup.id,
            "is_incremental": backup.parent_id is not None,
            "name": backup.name,
            "object_count": backup.pieces,
            "parent_id": backup.parent_id,
            "project_id": backup.project_id,
            "size": backup.size,
            "snapshot_id": backup.snapshot_id or None,
            "status": row.status,
            "stored": backup.stored,
            "volume_id": backup.volume_id,
        }
    )


COMMANDS = (
    Command(
        "volume backup create", create, "Copy a volume into a container, piece by piece.",
        (arg("volume", metavar="VOLUME", help="the volume (name or id)"),
         arg("--name", dest="new_name", help="what it is called"),
         arg("--container", metavar="CONTAINER", help="its container, or (admin) a folder"),
         arg("--snapshot", metavar="SNAPSHOT", help="of this snapshot of the volume"),
         arg("--incremental", action="store_true", help="only what changed since the last one"),
         arg("--force", action="store_true", help="of an attached one, as its guest goes on"),
         DESCRIPTION),
        "volume backup create --name monday volume1", "fields", writes=True,
    ),
    Command(
        "volume backup list", list_, "List backups of volumes.",
        (LONG, ALL_PROJECTS, arg("--volume", metavar="VOLUME", help="of this volume alone"),
         arg("--name", help="of this name alone"), arg("--status", help="of this status alone")),
        shows="rows",
    ),
    Command("volume backup show", show, "Show a backup.", (name("BACKUP"),), shows="fields"),
    Command(
        "volume backup set", set_, "Change what a backup is called.",
        (name("BACKUP"), arg("--name", dest="new_name", help="a new name"), DESCRIPTION),
        "volume backup set --name first monday", writes=True,
    ),
    Command(
        "volume backup restore", restore, "Write a backup over a volume, or make one of it.",
        (name("BACKUP"),
         arg("volume", metavar="VOLUME", nargs="?", help="the volume; a new one where none is"),
         arg("--force", action="store_true", help="accepted")),
        "volume backup restore monday volume1", "fields", writes=True,
    ),
    Command(
        "volume backup verify", verify, "Read backups and hold each piece to its checksum.",
        (names("BACKUP"),), "volume backup verify monday", writes=True,
    ),
    Command(
        "volume backup delete", delete, "Delete backups that no other stands on.",
        (names("BACKUP"), arg("--force", action="store_true", help="accepted")), writes=True,
    ),
)  # fmt: skip
