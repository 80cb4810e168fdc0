"""Subnet pools. There are no address scopes: two pools may have the same range."""

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
    from backends.records.subnet_pool import SubnetPool


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.subnet_pools.create(
        args.name,
        args.prefixes,
        default_length=args.default_length,
        min_length=args.min_length,
        max_length=args.max_length,
        default_quota=-1 if args.quota is None else args.quota,
        shared=bool(args.share),
        is_default=bool(args.default),
        description=args.description or "",
    )
    return _fields(row)


def list_(job: Job) -> Rows:
    args = job.args
    rows = [
        row
        for row in job.cloud.subnet_pools.list(all_projects=args.all_projects)
        if args.share in (None, row.shared)
        and args.default in (None, row.is_default)
        and args.pool_name in (None, row.name)
    ]
    columns = ("ID", "Name", "Prefixes")
    if not args.long:
        return Rows(columns, [(row.id, row.name, row.prefixes) for row in rows])
    return Rows(
        (*columns, "Default Prefix Length", "Default Quota", "Default Subnet Pool", "Shared",
         "Project"),
        [(row.id, row.name, row.prefixes, row.default_prefixlen, row.default_quota, row.is_default,
          row.shared, row.project_id) for row in rows],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.subnet_pools.show(job.args.name))


def set_(job: Job) -> None:
    args, pools = job.args, job.cloud.subnet_pools
    prefixes = [*pools.show(args.name).prefixes, *args.prefixes] if args.prefixes else None
    pools.set(
        args.name,
        name=args.new_name,
        description=args.description,
        prefixes=prefixes,
        default_length=args.default_length,
        min_length=args.min_length,
        max_length=args.max_length,
        default_quota=args.quota,
        is_default=args.default,
    )


def unset(job: Job) -> None:
    args, pools = job.args, job.cloud.subnet_pools
    prefixes = None
    if args.prefixes:
        prefixes = [each for each in pools.show(args.name).prefixes if each not in args.prefixes]
    pools.set(args.name, prefixes=prefixes, default_quota=-1 if args.no_quota else None)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.subnet_pools.delete)


def _fields(row: SubnetPool) -> Fields:
    return Fields(
        {
            "created_at": stamp(row.created_at),
            "default_prefixlen": row.default_prefixlen,
            "default_quota": row.default_quota,
            "description": row.description,
            "id": row.id,
            "ip_version": row.ip_version,
            "is_default": row.is_default,
            "max_prefixlen": row.max_prefixlen,
            "min_prefixlen": row.min_prefixlen,
            "name": row.name,
            "prefixes": row.prefixes,
            "project_id": row.project_id,
            "shared": row.shared,
        }
    )


_DEFAULT = tuple(
    arg(flag, dest="default", action="store_const", const=value, default=None, group="default",
        help=text)
    for flag, value, text in (
        ("--default", True, "the one that is used unasked (admin)"),
        ("--no-default", False, "not the one that is used unasked"),
    )
)  # fmt: skip
_SHARE = tuple(
    arg(flag, dest="share", action="store_const", const=value, default=None, group="share",
        help=text)
    for flag, value, text in (
        ("--share", True, "for all projects (admin)"),
        ("--no-share", False, "for its project alone"),
    )
)  # fmt: skip
_OPTIONS = (
    *(
        arg(f"--{which}-prefix-length", dest=f"{which}_length", type=int, metavar="BITS", help=text)
        for which, text in (
            ("default", "of subnets that ask for none"),
            ("min", "of the largest subnet"),
            ("max", "of the smallest subnet"),
        )
    ),
    arg("--default-quota", dest="quota", type=int, metavar="N",
        help="addresses (IPv4) or /64s (IPv6) for each project; -1 is no limit"),
    *_DEFAULT,
    DESCRIPTION,
)  # fmt: skip

COMMANDS = (
    Command(
        "subnet pool create", create, "Make a pool of prefixes that subnets are cut from.",
        (arg("name", metavar="NAME"),
         arg("--pool-prefix", dest="prefixes", action="append", required=True, metavar="CIDR",
             help="a prefix (repeat)"),
         *_OPTIONS, *_SHARE, PROJECT),
        "subnet pool create --pool-prefix 10.64.0.0/16 --default-prefix-length 24 inland",
        "fields", writes=True,
    ),
    Command(
        "subnet pool list", list_, "List the subnet pools you may use.",
        (LONG, ALL_PROJECTS, PROJECT, *_SHARE, *_DEFAULT,
         arg("--name", dest="pool_name", help="of this name alone")),
        "subnet pool list --long", "rows",
    ),
    Command("subnet pool show", show, "Show a subnet pool.", (name("POOL"),), shows="fields"),
    Command(
        "subnet pool set", set_, "Change a subnet pool; subnets that there are stay as they are.",
        (name("POOL"), arg("--name", dest="new_name", help="a new name"),
         arg("--pool-prefix", dest="prefixes", action="append", default=[], metavar="CIDR",
             help="a further prefix (repeat)"),
         *_OPTIONS),
        "subnet pool set --pool-prefix 10.65.0.0/16 inland", writes=True,
    ),
    Command(
        "subnet pool unset", unset, "Take prefixes or the quota from a subnet pool.",
        (name("POOL"),
         arg("--pool-prefix", dest="prefixes", action="append", default=[], metavar="CIDR",
             help="a prefix that no subnet lies in (repeat)"),
         arg("--default-quota", dest="no_quota", action="store_true", help="no limit")),
        "subnet pool unset --default-quota inland", writes=True,
    ),
    Command(
        "subnet pool delete", delete, "Delete subnet pools without subnets.", (names("POOL"),),
        writes=True,
    ),
)  # fmt: skip
