"""Pools of volumes: where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import LONG, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.services.pool import PoolRow

GIB = 1 << 30


def create(job: Job) -> Fields:
    from backends.services.pool import NewPool

    args, pools = job.args, job.cloud.pools
    pools.create(
        NewPool(
            args.name, args.driver, args.place, args.storage_host or "", args.address or "",
            args.login or "", args.key or "", args.host_key or "", args.portal or "", args.ratio,
        )
    )  # fmt: skip
    return _fields(pools.show(args.name))


def list_(job: Job) -> Rows:
    rows = job.cloud.pools.list()
    columns = ("Name", "Driver", "Status", "Size", "Free", "Promised", "Volumes")
    cells = [
        (row.pool.name, row.pool.driver, row.status, row.fact.size // GIB, row.fact.free // GIB,
         row.promised, row.volumes)
        for row in rows
    ]  # fmt: skip
    if not job.args.long:
        return Rows(columns, cells)
    more = [
        (*cell, row.pool.ratio, row.pool.host or None, row.pool.place, row.fact.error or None)
        for cell, row in zip(cells, rows, strict=True)
    ]
    return Rows((*columns, "Ratio", "Host", "Place", "Error"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud.pools.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.pools.set(args.name, ratio=args.ratio, enabled=args.enabled)


def delete(job: Job) -> None:
    job.cloud.pools.delete(*job.args.names)


def _fields(row: PoolRow) -> Fields:
    return Fields(
        {
            "driver": row.pool.driver,
            "enabled": row.pool.enabled,
            "error": row.fact.error or None,
            "free_gb": row.fact.free // GIB,
            "host": row.pool.host or None,
            "name": row.pool.name,
            "place": row.pool.place,
            "promised_gb": row.promised,
            "ratio": row.pool.ratio,
            "size_gb": row.fact.size // GIB,
            "status": row.status,
            "volumes": row.volumes,
        }
    )


_RATIO = arg("--ratio", type=float, help="how much more than there is may be promised")

COMMANDS = (
    Command(
        "volume pool create", create, "Make a pool: a folder, an export, a group, a thin pool.",
        (arg("name", metavar="NAME"),
         arg("--driver", default="file", choices=("file", "nfs", "lvm", "lvm-thin"),
             help="what it is made of"),
         arg("--place", required=True, metavar="PLACE",
             help="folder, host:/export, volume group, or group/thin-pool"),
         _RATIO,
         arg("--storage-host", metavar="HOST", help="the storage host it is on"),
         arg("--address", help="where that host's SSH server is"),
         arg("--login", help="as whom"), arg("--key", metavar="FILE", help="with this key's file"),
         arg("--host-key", metavar="KEY", help="the key that the host must show"),
         arg("--portal", metavar="ADDRESS:PORT", help="where its iSCSI targets are")),
        "volume pool create --place /srv/volumes slow", "fields", writes=True,
    ),
    Command("volume pool list", list_, "List pools with what they hold and have promised.",
            (LONG,), shows="rows"),
    Command("volume backend pool list", list_, "The same, by its older name.", (LONG,),
            shows="rows"),
    Command("volume pool show", show, "Show a pool.", (name("POOL"),), shows="fields"),
    Command(
        "volume pool set", set_, "Change what a pool may promise, and whether it takes volumes.",
        (name("POOL"), _RATIO,
         arg("--enable", dest="enabled", action="store_true", default=None, group="how",
             help="it takes new volumes"),
         arg("--disable", dest="enabled", action="store_false", group="how",
             help="it takes no new volumes")),
        "volume pool set --ratio 2 slow", writes=True,
    ),
    Command("volume pool delete", delete, "Let go of pools that have no volumes.",
            (names("POOL"),), writes=True),
)  # fmt: skip
