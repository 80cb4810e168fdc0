"""Networks."""

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
from console.commands.values import stamp, up

if TYPE_CHECKING:
    from backends.records.network import Network


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.networks.create(
        args.name, mtu=args.mtu, shared=bool(args.share), description=args.description or ""
    )
    return _fields(row, [])


def list_(job: Job) -> Rows:
    args, networks = job.args, job.cloud.networks
    rows = networks.list(all_projects=args.all_projects)
    subnets = _subnets_by_network(job)
    if not args.long:
        cells = [(row.id, row.name, subnets.get(row.id, [])) for row in rows]
        return Rows(("ID", "Name", "Subnets"), cells)
    return Rows(
        ("ID", "Name", "Status", "Project", "State", "Shared", "Subnets", "Network Type"),
        [(row.id, row.name, "ACTIVE", row.project_id, up(row.admin_state_up), row.shared,
          subnets.get(row.id, []), "vlan") for row in rows],
    )  # fmt: skip


def show(job: Job) -> Fields:
    row = job.cloud.networks.show(job.args.name)
    return _fields(row, [subnet.id for subnet in job.cloud.networks.subnets(network=row.id)])


def set_(job: Job) -> None:
    args = job.args
    job.cloud.networks.set(
        args.name, name=args.new_name, description=args.description, mtu=args.mtu
    )


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.networks.delete)


def _subnets_by_network(job: Job) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for subnet in job.cloud.networks.subnets(all_projects=True):
        found.setdefault(subnet.network_id, []).append(subnet.id)
    return found


def _fields(row: Network, subnets: list[str]) -> Fields:
    return Fields(
        {
            "admin_state_up": up(row.admin_state_up),
            "created_at": stamp(row.created_at),
            "description": row.description,
            "id": row.id,
            "mtu": row.mtu,
            "name": row.name,
            "project_id": row.project_id,
            "router:external": "Internal",
            "shared": row.shared,
            "status": "ACTIVE",
            "subnets": subnets,
        }
    )


COMMANDS = (
    Command(
        "network create", create, "Make a network.",
        (arg("name", metavar="NAME"),
         arg("--mtu", type=int, default=1500, metavar="BYTES", help="as guests see it (1500)"),
         arg("--share", dest="share", action="store_true", group="share",
             help="for all projects (admin)"),
         arg("--no-share", dest="share", action="store_false", group="share",
             help="for its project alone"),
         arg("--enable", action="store_true", help="accepted: it is enabled"),
         arg("--internal", action="store_true", help="accepted: it is internal"),
         DESCRIPTION, PROJECT),
        "network create selfservice", "fields", writes=True,
    ),
    Command(
        "network list", list_, "List the networks you may use.", (LONG, ALL_PROJECTS), shows="rows"
    ),
    Command("network show", show, "Show a network.", (name("NETWORK"),), shows="fields"),
    Command(
        "network set", set_, "Change a network.",
        (name("NETWORK"), arg("--name", dest="new_name", help="a new name"),
         arg("--mtu", type=int, metavar="BYTES", help="as guests see it"), DESCRIPTION),
        "network set --mtu 1450 selfservice", writes=True,
    ),
    Command(
        "network delete", delete, "Delete networks without ports, and their subnets.",
        (names("NETWORK"),), writes=True,
    ),
)  # fmt: skip
