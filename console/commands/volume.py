"""Volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import (
    volume_backup,
    volume_group,
    volume_pool,
    volume_snapshot,
    volume_transfer,
    volume_type,
)
from console.commands.command import (
    ALL_PROJECTS,
    DESCRIPTION,
    LONG,
    PROJECT,
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
    from backends.cloud import Cloud
    from backends.services.volume import VolumeRow


def create(job: Job) -> Fields:
    from backends.services.volume import NewVolume

    args, volumes = job.args, job.cloud.volumes
    row = volumes.make(
        NewVolume(
            args.name,
            args.size,
            args.description or "",
            type=args.type,
            image=args.image,
            snapshot=args.snapshot,
            source=args.source,
            backup=args.backup,
            pool=args.host,
            properties=dict(args.properties),
            bootable=args.bootable,
            read_only=bool(args.read_only_mode),
        )
    )
    return _fields(job.cloud, volumes.show(row.id))


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
        (*cell[:4], each.type or each.volume.driver, each.volume.bootable, cell[4],
         each.volume.properties)
        for cell, each in zip(cells, found, strict=True)
    ]  # fmt: skip
    return Rows((*columns[:4], "Type", "Bootable", columns[4], "Properties"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud, job.cloud.volumes.show(job.args.name))


def set_(job: Job) -> None:
    args, volumes = job.args, job.cloud.volumes
    if args.size is not None:
        volumes.extend(args.name, args.size)
    if args.type is not None:
        volumes.retype(args.name, args.type, migrate=args.retype_policy == "on-demand")
    changes = (args.new_name, args.description, args.bootable, args.read_only_mode)
    if args.properties or any(each is not None for each in changes):
        volumes.set(
            args.name,
            name=args.new_name,
            description=args.description,
            properties=dict(args.properties),
            bootable=args.bootable,
            read_only=args.read_only_mode,
        )


def unset(job: Job) -> None:
    job.cloud.volumes.set(job.args.name, unset=job.args.keys)


def migrate(job: Job) -> None:
    job.cloud.volumes.migrate(job.args.name, job.args.host)


def revert(job: Job) -> None:
    job.cloud.volumes.revert(job.args.name)


def delete(job: Job) -> None:
    job.cloud.volumes.delete(*job.args.names, cascade=job.args.purge)


def _attached(row: VolumeRow) -> str:
    return ", ".join(f"Attached to {name} on /dev/{device}" for name, device in row.attached)


def _fields(cloud: Cloud, row: VolumeRow) -> Fields:
    volume = row.volume
    attachments = cloud.volumes.attachments(volume.id)
    servers = [name for name, _ in row.attached]
    return Fields(
        {
            "attachments": [
                {
                    "server": server, "server_id": each.instance_id,
                    "device": f"/dev/{each.device}", "mode": "ro" if each.read_only else "rw",
                }
                for server, each in zip(servers, attachments, strict=False)
            ],
            "bootable": volume.bootable,
            "consistencygroup_id": volume.group_id,
            "created_at": stamp(volume.created_at),
            "description": volume.description or None,
            "encrypted": bool(volume.key_id),
            "host": volume.host,
            "id": volume.id,
            "multiattach": volume.multiattach,
            "name": volume.name,
            "pool": volume.pool,
            "project_id": volume.project_id,
            "properties": volume.properties,
            "readonly": volume.read_only,
            "size": volume.size,
            "snapshots": row.snapshots,
            "source": f"{volume.source_kind}:{volume.source_id}" if volume.source_kind else None,
            "status": row.status,
            "type": row.type or volume.driver,
            "volume_image_metadata": volume.image_properties,
        }
    )  # fmt: skip


_HOW = (
    arg("--bootable", dest="bootable", action="store_true", default=None, group="boot",
        help="an instance can boot from it"),
    arg("--non-bootable", dest="bootable", action="store_false", group="boot",
        help="no instance boots from it"),
    arg("--read-only-mode", "--read-only-volume", dest="read_only_mode", action="store_true",
        default=None, group="mode", help="no instance may write to it"),
    arg("--read-write", dest="read_only_mode", action="store_false", group="mode",
        help="instances may write to it"),
)  # fmt: skip

COMMANDS = (
    Command(
        "volume create", create, "Make a volume, empty or of an image, snapshot, volume, backup.",
        (arg("name", metavar="NAME", nargs="?", default=""),
         arg("--size", type=int, metavar="GIB", help="its size in GiB (the source's)"),
         arg("--type", metavar="TYPE", help="its volume type"),
         arg("--image", metavar="IMAGE", group="source", help="with this image's disk"),
         arg("--snapshot", metavar="SNAPSHOT", group="source", help="with a snapshot's content"),
         arg("--source", metavar="VOLUME", group="source", help="a clone of this volume"),
         arg("--backup", metavar="BACKUP", group="source", help="with a backup's content"),
         arg("--host", metavar="POOL", help="in this pool (admin)"),
         *_HOW, DESCRIPTION, PROJECT, PROPERTIES),
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
        "volume set", set_, "Rename, extend, retype a volume; say how it may be used.",
        (name("VOLUME"), arg("--name", dest="new_name", help="a new name"),
         arg("--size", type=int, metavar="GIB", help="let it grow to this, attached or not"),
         arg("--type", metavar="TYPE", help="another volume type"),
         arg("--retype-policy", choices=("never", "on-demand"), default="never",
             help="whether it may move to another pool for its type"),
         *_HOW, DESCRIPTION, PROPERTIES),
        "volume set --size 2 volume1", writes=True,
    ),
    Command(
        "volume unset", unset, "Take properties from a volume.",
        (name("VOLUME"),
         arg("--property", dest="keys", action="append", default=[], metavar="KEY",
             help="the property (repeat)")),
        "volume unset --property owner volume1", writes=True,
    ),
    Command(
        "volume migrate", migrate, "Move a volume to another pool; a guest that has it goes on.",
        (name("VOLUME"), arg("--host", required=True, metavar="POOL", help="the pool")),
        "volume migrate --host fast volume1", writes=True,
    ),
    Command(
        "volume revert", revert, "Give a volume the content of its newest snapshot again.",
        (name("SNAPSHOT"),), "volume revert before-upgrade", writes=True,
    ),
    Command(
        "volume delete", delete, "Delete volumes that are attached nowhere.",
        (names("VOLUME"),
         arg("--force", action="store_true", help="accepted: an attached one is still refused"),
         arg("--purge", action="store_true", help="their snapshots too")),
        writes=True,
    ),
    *volume_snapshot.COMMANDS,
    *volume_backup.COMMANDS,
    *volume_type.COMMANDS,
    *volume_pool.COMMANDS,
    *volume_transfer.COMMANDS,
    *volume_group.COMMANDS,
)  # fmt: skip
