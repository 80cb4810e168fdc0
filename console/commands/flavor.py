"""Flavors: the sizes an instance can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import DESCRIPTION, LONG, PROPERTIES, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.records.flavor import Flavor


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.flavors.create(
        args.name,
        ram=args.ram,
        vcpus=args.vcpus,
        disk=args.disk,
        id_=args.id,
        public=args.public,
        description=args.description or "",
        properties=dict(args.properties),
    )
    return _fields(row)


def list_(job: Job) -> Rows:
    rows = job.cloud.flavors.list()
    columns = ("ID", "Name", "RAM", "Disk", "Ephemeral", "VCPUs", "Is Public")
    cells: list[tuple[object, ...]] = [
        (row.id, row.name, row.ram, row.disk, 0, row.vcpus, row.is_public) for row in rows
    ]
    if not job.args.long:
        return Rows(columns, cells)
    more = [(*cell, 0, 1.0, row.properties) for cell, row in zip(cells, rows, strict=True)]
    return Rows((*columns, "Swap", "RXTX Factor", "Properties"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud.flavors.show(job.args.name))


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.flavors.delete)


def _fields(row: Flavor) -> Fields:
    return Fields(
        {
            "OS-FLV-DISABLED:disabled": False,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "description": row.description or None,
            "disk": row.disk,
            "id": row.id,
            "name": row.name,
            "os-flavor-access:is_public": row.is_public,
            "properties": row.properties,
            "ram": row.ram,
            "rxtx_factor": 1.0,
            "swap": 0,
            "vcpus": row.vcpus,
        }
    )


COMMANDS = (
    Command(
        "flavor create", create, "Make a flavor.",
        (arg("name", metavar="NAME"),
         arg("--id", default=None, help="its id (a new UUID)"),
         arg("--ram", type=int, default=256, metavar="MIB", help="memory in MiB (256)"),
         arg("--disk", type=int, default=0, metavar="GIB", help="disk in GiB (0: the image's)"),
         arg("--vcpus", type=int, default=1, metavar="N", help="processors (1)"),
         arg("--public", dest="public", action="store_true", default=True, group="public",
             help="for all projects (default)"),
         arg("--private", dest="public", action="store_false", group="public",
             help="for the cloud's admin alone"),
         PROPERTIES, DESCRIPTION),
        "flavor create --id 0 --vcpus 1 --ram 64 --disk 1 m0.nano", "fields", writes=True,
    ),
    Command(
        "flavor list", list_, "List flavors.",
        (LONG, arg("--all", action="store_true", help="accepted: private ones are listed too")),
        shows="rows",
    ),
    Command("flavor show", show, "Show a flavor.", (name("FLAVOR"),), shows="fields"),
    Command(
        "flavor delete", delete, "Delete flavors; instances keep their size.",
        (names("FLAVOR"),), writes=True,
    ),
)  # fmt: skip
