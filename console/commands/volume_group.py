"""Groups of volumes, and their snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, DESCRIPTION, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.services.volume_group import GroupRow, GroupSnapshotRow


def create(job: Job) -> Fields:
    args, groups = job.args, job.cloud.volume_groups
    row = groups.create(args.name, description=args.description or "")
    return _fields(groups.show(row.id))


def list_(job: Job) -> Rows:
    found = job.cloud.volume_groups.list(all_projects=job.args.all_projects)
    return Rows(
        ("ID", "Status", "Name", "Volumes"),
        [(each.group.id, "available", each.group.name, [row.name for row in each.volumes])
         for each in found],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.volume_groups.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.volume_groups.set(args.name, name=args.new_name, description=args.description)


def add(job: Job) -> None:
    job.cloud.volume_groups.add(job.args.name, job.args.volumes)


def remove(job: Job) -> None:
    job.cloud.volume_groups.remove(job.args.name, job.args.volumes)


def delete(job: Job) -> None:
    job.cloud.volume_groups.delete(*job.args.names)


def snapshot_create(job: Job) -> Fields:
    args, groups = job.args, job.cloud.volume_groups
    row = groups.snapshot(args.group, args.new_name or "", description=args.description or "")
    return _snapshot(groups.show_snapshot(row.id))


def snapshot_list(job: Job) -> Rows:
    found = job.cloud.volume_groups.snapshots(all_projects=job.args.all_projects)
    return Rows(
        ("ID", "Status", "Name"),
        [(each.snapshot.id, each.status, each.snapshot.name) for each in found],
    )


def snapshot_show(job: Job) -> Fields:
    return _snapshot(job.cloud.volume_groups.show_snapshot(job.args.name))


def snapshot_delete(job: Job) -> None:
    job.cloud.volume_groups.delete_snapshot(*job.args.names)


def _fields(row: GroupRow) -> Fields:
    group = row.group
    return Fields(
        {
            "created_at": stamp(group.created_at),
            "description": group.description or None,
            "id": group.id,
            "name": group.name,
            "project_id": group.project_id,
            "volumes": [each.id for each in row.volumes],
        }
    )


def _snapshot(row: GroupSnapshotRow) -> Fields:
    snapshot = row.snapshot
    return Fields(
        {
            "created_at": stamp(snapshot.created_at),
            "description": snapshot.description or None,
            "group_id": snapshot.group_id,
            "id": snapshot.id,
            "name": snapshot.name,
            "snapshots": [each.id for each in row.parts],
            "status": row.status,
        }
    )


_VOLUMES = arg("volumes", nargs="+", metavar="VOLUME", help="volumes (name or id)")

COMMANDS = (
    Command("volume group create", create, "Make a group of volumes.",
            (arg("name", metavar="NAME"), DESCRIPTION), "volume group create database", "fields",
            writes=True),
    Command("volume group list", list_, "List groups of volumes.", (ALL_PROJECTS,), shows="rows"),
    Command("volume group show", show, "Show a group.", (name("GROUP"),), shows="fields"),
    Command("volume group set", set_, "Change what a group is called.",
            (name("GROUP"), arg("--name", dest="new_name", help="a new name"), DESCRIPTION),
            writes=True),
    Command("volume group add", add, "Put volumes into a group.", (name("GROUP"), _VOLUMES),
            "volume group add database volume1", writes=True),
    Command("volume group remove", remove, "Take volumes out of a group; they stay.",
            (name("GROUP"), _VOLUMES), writes=True),
    Command("volume group delete", delete, "Delete groups; their volumes stay.",
            (names("GROUP"),), writes=True),
    Command("volume group snapshot create", snapshot_create,
            "Keep what all volumes of a group hold at one moment.",
            (arg("group", metavar="GROUP", help="the group (name or id)"),
             arg("--name", dest="new_name", help="what it is called"), DESCRIPTION),
            "volume group snapshot create --name before database", "fields", writes=True),
    Command("volume group snapshot list", snapshot_list, "List snapshots of groups.",
            (ALL_PROJECTS,), shows="rows"),
    Command("volume group snapshot show", snapshot_show, "Show a snapshot of a group.",
            (name("SNAPSHOT"),), shows="fields"),
    Command("volume group snapshot delete", snapshot_delete,
            "Delete snapshots of groups with all their parts.", (names("SNAPSHOT"),),
            writes=True),
)  # fmt: skip
