"""Volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import (
    ALL_PROJECTS,
    DESCRIPTION,
    LONG,
    PROJECT,
    Command,
    arg,
    name,
    names,
)
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.services.volume import VolumeRow


def create(job: Job) -> Fields:
    args, volumes = job.args, job.cloud.volumes
    row = volumes.create(args.name, args.size, args.description or "")
    return _fields(volumes.show(row.id))


def list_(job: Job) -> Rows:
    args = job.args
    found = [
        each
        for each in job.cloud.volumes.list(all_projects=args.all_projects)
        if args.name in (None, each.volume.name) and args.status in (None, each.status)
    ]
    columns = ("ID", "Name", "Status", "Size", "Attached to")
    cells: list[tuple[object, ...]] = [
        (each.volume.id, each.volume.name, each.status, each.volume.size, _attached(each))
        for each in found
    ]
    if not args.long:
        return Rows(columns, cells)
    more = [
        (*cell[:4], each.volume.driver, False, cell[4], {})
        for cell, each in zip(cells, found, strict=True)
    ]
    return Rows((*columns[:4], "Type", "Bootable", columns[4], "Properties"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud.volumes.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.volumes.set(args.name, name=args.new_name, description=args.description)


def delete(job: Job) -> None:
    job.cloud.volumes.delete(*job.args.names)


def _attached(row: VolumeRow) -> str:
    return ", ".join(f"Attached to {name} on /dev/{device}" for name, device in row.attached)


def _fields(row: VolumeRow) -> Fields:
    volume = row.volume
    return Fields(
        {
            "attachments": [
                {"server": server, "device": f"/dev/{device}"} for server, device in row.attached
            ],
            "bootable": False,
            "created_at": stamp(volume.created_at),
            "description": volume.description or None,
            "host": volume.host,
            "id": volume.id,
            "name": volume.name,
            "project_id": volume.project_id,
            "size": volume.size,
            "status": row.status,
            "type": volume.driver,
        }
    )


COMMANDS = (
    Command(
        "volume create", create, "Make an empty volume.",
        (arg("name", metavar="NAME", nargs="?", default=""),
         arg("--size", type=int, required=True, metavar="GIB", help="its size in GiB"),
         DESCRIPTION, PROJECT),
        "volume create --size 1 volume1", "fields", writes=True,
    ),
    Command(
        "volume list", list_, "List volumes and where they are attached.",
        (LONG, ALL_PROJECTS, arg("--name", help="of this name alone"),
         arg("--status", help="of this status alone")),
        shows="rows",
    ),
    Command("volume show", show, "Show a volume.", (name("VOLUME"),), shows="fields"),
    Command(
        "volume set", set_, "Change a volume's name or description.",
        (name("VOLUME"), arg("--name", dest="new_name", help="a new name"), DESCRIPTION),
        "volume set --name data volume1", writes=True,
    ),
    Command(
        "volume delete", delete, "Delete volumes that are attached nowhere.",
        (names("VOLUME"),
         arg("--force", action="store_true", help="accepted: an attached one is still refused"),
         arg("--purge", action="store_true", help="accepted: there are no snapshots")),
        writes=True,
    ),
)  # fmt: skip
