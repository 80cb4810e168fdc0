"""Hosts: the machines of a cloud, and the tunnels between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.services.host import HostView


def list_(job: Job) -> Rows:
    return Rows(
        ("Host Name", "State", "Tunnel Address", "Underlay MTU", "Instances", "Networks",
         "Last Seen"),
        [
            (each.row.name, each.state, each.row.tunnel_address or None,
             each.row.underlay_mtu or None, each.instances, each.networks, _seen(each))
            for each in job.cloud.hosts.list()
        ],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.hosts.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.hosts.set(args.name, tunnel_address="" if args.no_address else args.address)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.hosts.delete)


def _fields(view: HostView) -> Fields:
    row = view.row
    return Fields(
        {
            "created_at": stamp(row.created_at),
            "here": view.is_here,
            "instances": view.instances,
            "last_seen": _seen(view),
            "name": row.name,
            "networks": view.networks,
            "state": view.state,
            "tunnel": view.tunnel or None,
            "tunnel_address": row.tunnel_address or None,
            "underlay_mtu": row.underlay_mtu or None,
        }
    )


def _seen(view: HostView) -> str | None:
    """When it last did anything."""
    return None if view.seen is None else f"{view.seen:.0f} s ago"


COMMANDS = (
    Command(
        "host list", list_, "List the cloud's hosts, and whether tunnels lead to them (admin).",
        shows="rows",
    ),
    Command("host show", show, "Show a host (admin).", (name("HOST"),), shows="fields"),
    Command(
        "host set", set_, "Say by which address other hosts reach this one (admin).",
        (name("HOST"),
         arg("--tunnel-address", dest="address", metavar="IP", group="address",
             help="an address of the host: networks of VXLAN go from and to it"),
         arg("--no-tunnel-address", dest="no_address", action="store_true", group="address",
             help="take no part in networks between hosts")),
        "host set --tunnel-address 10.0.0.11 deck", writes=True,
    ),
    Command(
        "host delete", delete, "Forget hosts that nothing is on (admin).",
        (names("HOST"),), writes=True,
    ),
)  # fmt: skip
