"""Servers' ports, networks and fixed IPs: plugged in and taken out while they run."""

from __future__ import annotations

from console.commands.command import Command, arg, name
from console.commands.job import Job
from console.commands.output import Fields


def add_port(job: Job) -> None:
    job.cloud.plugging.add_port(job.args.name, job.args.port)


def remove_port(job: Job) -> None:
    job.cloud.plugging.remove_port(job.args.name, job.args.port)


def add_network(job: Job) -> None:
    job.cloud.plugging.add_network(job.args.name, job.args.network)


def remove_network(job: Job) -> None:
    job.cloud.plugging.remove_network(job.args.name, job.args.network)


def add_fixed_ip(job: Job) -> Fields:
    args = job.args
    row = job.cloud.plugging.add_address(args.name, args.network, address=args.address)
    return Fields({"ip_address": row.address, "port_id": row.port_id, "subnet_id": row.subnet_id})


def remove_fixed_ip(job: Job) -> None:
    job.cloud.plugging.remove_address(job.args.name, job.args.address)


_SERVER = name("SERVER")
_NETWORK = arg("network", metavar="NETWORK", help="the network (name or id)")
_PORT = arg("port", metavar="PORT", help="the port (name or id)")

COMMANDS = (
    Command(
        "server add port", add_port, "Plug a free port into an instance, a running one too.",
        (_SERVER, _PORT), "server add port web second", writes=True,
    ),
    Command(
        "server remove port", remove_port,
        "Take a port out of an instance; returns once the guest let go.",
        (_SERVER, _PORT), "server remove port web second", writes=True,
    ),
    Command(
        "server add network", add_network, "Plug a new port of a network into an instance.",
        (_SERVER, _NETWORK), "server add network web backstage", writes=True,
    ),
    Command(
        "server remove network", remove_network, "Take all ports on a network out of an instance.",
        (_SERVER, _NETWORK), "server remove network web backstage", writes=True,
    ),
    Command(
        "server add fixed ip", add_fixed_ip,
        "Give the port that an instance has on a network one more address.",
        (_SERVER, _NETWORK,
         arg("--fixed-ip-address", dest="address", default="", metavar="ADDRESS",
             help="this one (the next free)")),
        "server add fixed ip web selfservice --fixed-ip-address 172.16.1.40", "fields",
        writes=True,
    ),
    Command(
        "server remove fixed ip", remove_fixed_ip, "Take an address from an instance's port.",
        (_SERVER, arg("address", metavar="ADDRESS", help="the fixed address")),
        "server remove fixed ip web 172.16.1.40", writes=True,
    ),
)  # fmt: skip
