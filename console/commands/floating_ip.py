"""Floating IPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, DESCRIPTION, LONG, PROJECT, Command, arg
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.records.router import FloatingIp


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.floating_ips.create(
        args.network,
        address=args.address,
        subnet=args.subnet,
        port=args.port,
        fixed=args.fixed,
        description=args.description or "",
    )
    return _fields(row)


def list_(job: Job) -> Rows:
    args = job.args
    rows = job.cloud.floating_ips.list(all_projects=args.all_projects)
    if args.status is not None:
        rows = [row for row in rows if _status(row) == args.status.upper()]
    columns = ("ID", "Floating IP Address", "Fixed IP Address", "Port", "Floating Network",
               "Project")  # fmt: skip
    cells: list[tuple[object, ...]] = [
        (row.id, row.address, row.fixed_address, row.port_id, row.network_id, row.project_id)
        for row in rows
    ]
    if not args.long:
        return Rows(columns, cells)
    more = [
        (*cell, row.router_id, _status(row), row.description)
        for cell, row in zip(cells, rows, strict=True)
    ]
    return Rows((*columns, "Router", "Status", "Description"), more)


def show(job: Job) -> Fields:
    return _fields(job.cloud.floating_ips.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.floating_ips.set(
        args.name, port=args.port, fixed=args.fixed, description=args.description
    )


def unset(job: Job) -> None:
    job.cloud.floating_ips.unset(job.args.name)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.floating_ips.delete)


def add_to_server(job: Job) -> None:
    """The first of the instance's ports that can have it."""
    job.cloud.floating_ips.lend_to_instance(job.args.address, job.args.name, fixed=job.args.fixed)


def remove_from_server(job: Job) -> None:
    job.cloud.floating_ips.take_from_instance(job.args.address, job.args.name)


def _status(row: FloatingIp) -> str:
    return "ACTIVE" if row.port_id else "DOWN"


def _fields(row: FloatingIp) -> Fields:
    return Fields(
        {
            "created_at": stamp(row.created_at),
            "description": row.description,
            "fixed_ip_address": row.fixed_address,
            "floating_ip_address": row.address,
            "floating_network_id": row.network_id,
            "id": row.id,
            "name": row.address,
            "port_id": row.port_id,
            "project_id": row.project_id,
            "router_id": row.router_id,
            "status": _status(row),
        }
    )


_ONE = arg("name", metavar="FLOATING-IP", help="the floating IP (address or id)")
_FIXED = arg("--fixed-ip-address", dest="fixed", metavar="ADDRESS",
             help="which of the port's addresses")  # fmt: skip

COMMANDS = (
    Command(
        "floating ip create", create, "Take an address of an external network.",
        (arg("network", metavar="NETWORK", help="the external network (name or id)"),
         arg("--port", help="lend it to this port (name or id)"), _FIXED,
         arg("--floating-ip-address", dest="address", metavar="ADDRESS", help="this very one"),
         arg("--subnet", help="one of this subnet"), DESCRIPTION, PROJECT),
        "floating ip create public", "fields", writes=True,
    ),
    Command(
        "floating ip list", list_, "List floating IPs.",
        (LONG, ALL_PROJECTS, arg("--status", choices=("ACTIVE", "DOWN", "active", "down"),
                                 metavar="STATUS", help="ACTIVE (lent) or DOWN")),
        "floating ip list", "rows",
    ),
    Command(
        "floating ip show", show, "Show a floating IP.", (_ONE,), "floating ip show 203.0.113.10",
        "fields",
    ),
    Command(
        "floating ip set", set_, "Lend a floating IP to a port.",
        (_ONE, arg("--port", help="the port (name or id)"), _FIXED, DESCRIPTION),
        "floating ip set --port PORT 203.0.113.10", writes=True,
    ),
    Command(
        "floating ip unset", unset, "Take a floating IP back; its connections end.",
        (_ONE, arg("--port", dest="port", action="store_true", help="from its port")),
        "floating ip unset --port 203.0.113.10", writes=True,
    ),
    Command(
        "floating ip delete", delete, "Give floating IPs back; their connections end.",
        (arg("names", nargs="+", metavar="FLOATING-IP", help="floating IPs (address or id)"),),
        "floating ip delete 203.0.113.10", writes=True,
    ),
)  # fmt: skip
_SERVER = arg("name", metavar="SERVER", help="the instance (name or id)")
_ADDRESS = arg("address", metavar="FLOATING-IP", help="the floating IP (address or id)")
OF_SERVERS = (
    Command(
        "server add floating ip", add_to_server, "Lend a floating IP to an instance.",
        (_SERVER, _ADDRESS, _FIXED), "server add floating ip web 203.0.113.10", writes=True,
    ),
    Command(
        "server remove floating ip", remove_from_server, "Take a floating IP from an instance.",
        (_SERVER, _ADDRESS), "server remove floating ip web 203.0.113.10", writes=True,
    ),
)  # fmt: skip
