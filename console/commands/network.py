"""Networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import qos, trunk
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
    from backends.services.provider import Provider


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.networks.create(
        args.name,
        mtu=args.mtu,
        shared=bool(args.share),
        description=args.description or "",
        external=bool(args.external),
        provider=_provider(job),
        port_security=args.port_security is not False,
        qos_policy=args.qos_policy,
        dns_domain=args.dns_domain or "",
        admin_state_up=args.up is not False,
    )
    return _fields(row, [])


def _provider(job: Job) -> Provider | None:
    from backends.services.provider import PHYSICAL_NETWORK, Provider

    args = job.args
    if args.type is None and args.physical is None and args.segment is None:
        return None
    kind = args.type or ("flat" if args.segment is None else "vlan")
    return Provider(kind, args.physical or PHYSICAL_NETWORK, args.segment)


def list_(job: Job) -> Rows:
    args, networks = job.args, job.cloud.networks
    rows = [
        row
        for row in networks.list(all_projects=args.all_projects)
        if args.external in (None, row.external)
    ]
    subnets = _subnets_by_network(job)
    if not args.long:
        cells = [(row.id, row.name, subnets.get(row.id, [])) for row in rows]
        return Rows(("ID", "Name", "Subnets"), cells)
    return Rows(
        ("ID", "Name", "Status", "Project", "State", "Shared", "Subnets", "Network Type",
         "Router Type"),
        [(row.id, row.name, "ACTIVE", row.project_id, up(row.admin_state_up), row.shared,
          subnets.get(row.id, []), row.network_type, _router_type(row)) for row in rows],
    )  # fmt: skip


def show(job: Job) -> Fields:
    row = job.cloud.networks.show(job.args.name)
    return _fields(row, [subnet.id for subnet in job.cloud.networks.subnets(network=row.id)])


def set_(job: Job) -> None:
    args, networks = job.args, job.cloud.networks
    services = None
    if args.services or args.no_services:
        kept = [] if args.no_services else networks.show(args.name).host_services
        services = [*kept, *args.services]
    networks.set(
        args.name,
        name=args.new_name,
        description=args.description,
        mtu=args.mtu,
        host_services=services,
        port_security=args.port_security,
        admin_state_up=args.up,
        qos_policy=args.qos_policy,
        dns_domain=args.dns_domain,
    )


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.networks.delete)


def _subnets_by_network(job: Job) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for subnet in job.cloud.networks.subnets(all_projects=True):
        found.setdefault(subnet.network_id, []).append(subnet.id)
    return found


def _router_type(row: Network) -> str:
    return "External" if row.external else "Internal"


def _fields(row: Network, subnets: list[str]) -> Fields:
    return Fields(
        {
            "admin_state_up": up(row.admin_state_up),
            "created_at": stamp(row.created_at),
            "description": row.description,
            "dns_domain": row.dns_domain,
            "host_services": row.host_services,
            "id": row.id,
            "mtu": row.mtu,
            "name": row.name,
            "port_security_enabled": row.port_security,
            "project_id": row.project_id,
            "provider:network_type": row.network_type,
            "provider:physical_network": row.physical_network,
            "provider:segmentation_id": row.segmentation_id,
            "qos_policy_id": row.qos_policy_id,
            "router:external": _router_type(row),
            "shared": row.shared,
            "status": "ACTIVE",
            "subnets": subnets,
        }
    )


_SECURITY = (
    arg("--enable-port-security", dest="port_security", action="store_const", const=True,
        default=None, group="security", help="ports made on it are filtered (so by default)"),
    arg("--disable-port-security", dest="port_security", action="store_const", const=False,
        default=None, group="security", help="ports made on it are not filtered"),
)  # fmt: skip

_STATE = (
    arg("--enable", dest="up", action="store_true", default=None, group="state",
        help="let traffic pass"),
    arg("--disable", dest="up", action="store_false", default=None, group="state",
        help="let nothing pass: its guests see no link"),
)  # fmt: skip
_DOMAIN = arg("--dns-domain", metavar="DOMAIN", help="where the names of its ports are")
_QOS = arg(
    "--qos-policy",
    dest="qos_policy",
    default=None,
    metavar="POLICY",
    group="qos",
    help="how fast its ports may be (name or id)",
)
_NO_QOS = arg(
    "--no-qos-policy",
    dest="qos_policy",
    action="store_const",
    const="",
    group="qos",
    help="as fast as they can",
)

COMMANDS = (
    Command(
        "network create", create, "Make a network.",
        (arg("name", metavar="NAME"),
         arg("--mtu", type=int, metavar="BYTES", help="as guests see it (what fits)"),
         arg("--share", dest="share", action="store_true", group="share",
             help="for all projects (admin)"),
         arg("--no-share", dest="share", action="store_false", group="share",
             help="for its project alone"),
         *_STATE,
         arg("--external", action="store_true", group="external",
             help="routers have their gateways on it (admin)"),
         arg("--internal", dest="external", action="store_false", group="external",
             help="of projects (so it is by default)"),
         arg("--provider-network-type", dest="type", choices=("local", "flat", "vlan", "vxlan"),
             metavar="TYPE", help="local, flat, vlan or vxlan (admin)"),
         arg("--provider-physical-network", dest="physical", metavar="NAME",
             help="the wire it lies on: provider, the host's external bridge (admin)"),
         arg("--provider-segment", dest="segment", type=int, metavar="ID",
             help="its VLAN there, or its VNI between hosts (admin)"),
         *_SECURITY, _QOS, _DOMAIN, DESCRIPTION, PROJECT),
        "network create selfservice", "fields", writes=True,
    ),
    Command(
        "network list", list_, "List the networks you may use.",
        (LONG, ALL_PROJECTS,
         arg("--external", action="store_const", const=True, default=None, group="external",
             help="external ones alone"),
         arg("--internal", dest="external", action="store_const", const=False, default=None,
             group="external", help="internal ones alone")),
        "network list --external", "rows",
    ),
    Command("network show", show, "Show a network.", (name("NETWORK"),), shows="fields"),
    Command(
        "network set", set_, "Change a network.",
        (name("NETWORK"), arg("--name", dest="new_name", help="a new name"),
         arg("--mtu", type=int, metavar="BYTES", help="as guests see it"), DESCRIPTION,
         _QOS, _NO_QOS,
         *_STATE,
         arg("--host-service", dest="services", action="append", default=[], metavar="tcp:PORT",
             help="a service of this host that guests on it may reach (repeat; admin)"),
         arg("--no-host-service", dest="no_services", action="store_true",
             help="close those there were"),
         _DOMAIN, *_SECURITY),
        "network set --mtu 1450 selfservice", writes=True,
    ),
    Command(
        "network delete", delete, "Delete networks without ports, and their subnets.",
        (names("NETWORK"),), writes=True,
    ),
    *qos.COMMANDS,
    *trunk.COMMANDS,
)  # fmt: skip
