"""Address groups."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, DESCRIPTION, PROJECT, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.records.security import AddressGroup


def create(job: Job) -> Fields:
    args = job.args
    groups = job.cloud.address_groups
    return _fields(
        groups.create(args.name, _cidrs(args.addresses), description=args.description or "")
    )


def list_(job: Job) -> Rows:
    args = job.args
    rows = job.cloud.address_groups.list(all_projects=args.all_projects)
    return Rows(
        ("ID", "Name", "Description", "Project", "Addresses"),
        [
            (row.id, row.name, row.description, row.project_id, row.addresses)
            for row in rows
            if args.group_name in (None, row.name)
        ],
    )


def show(job: Job) -> Fields:
    return _fields(job.cloud.address_groups.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.address_groups.set(
        args.name, name=args.new_name, description=args.description, add=_cidrs(args.addresses)
    )


def unset(job: Job) -> None:
    job.cloud.address_groups.set(job.args.name, remove=_cidrs(job.args.addresses))


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.address_groups.delete)


def _cidrs(texts: list[str]) -> list[str]:
    """Addresses, prefixes, and ranges as `10.0.0.4-10.0.0.9`, which are so many prefixes."""
    found: list[str] = []
    for text in texts:
        first, _, last = text.partition("-")
        try:
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
            found += map(str, ipaddress.summarize_address_range(low, high))
        except (ValueError, TypeError):
            found.append(text)
    return found


def _fields(row: AddressGroup) -> Fields:
    return Fields(
        {
            "addresses": row.addresses,
            "created_at": stamp(row.created_at),
            "description": row.description,
            "id": row.id,
            "name": row.name,
            "project_id": row.project_id,
        }
    )


_ADDRESS = arg("--address", dest="addresses", action="append", default=[], metavar="CIDR",
               help="an address, a prefix, or FIRST-LAST (repeat)")  # fmt: skip

COMMANDS = (
    Command(
        "address group create", create, "Make a group of addresses that rules name as one.",
        (arg("name", metavar="NAME"), _ADDRESS, DESCRIPTION, PROJECT),
        "address group create --address 10.0.0.0/24 --address 172.16.1.7 offices", "fields",
        writes=True,
    ),
    Command(
        "address group list", list_, "List address groups.",
        (ALL_PROJECTS, PROJECT, arg("--name", dest="group_name", help="of this name alone")),
        shows="rows",
    ),
    Command("address group show", show, "Show an address group.", (name("GROUP"),), shows="fields"),
    Command(
        "address group set", set_, "Add addresses to a group, or rename it.",
        (name("GROUP"), arg("--name", dest="new_name", help="a new name"), _ADDRESS, DESCRIPTION),
        "address group set --address 10.0.1.0/24 offices", writes=True,
    ),
    Command(
        "address group unset", unset, "Take addresses from a group; their connections end.",
        (name("GROUP"), _ADDRESS),
        "address group unset --address 10.0.1.0/24 offices", writes=True,
    ),
    Command(
        "address group delete", delete, "Delete address groups that no rule names.",
        (names("GROUP"),), writes=True,
    ),
)  # fmt: skip
