"""Subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import subnet_pool
from console.commands.command import (
    ALL_PROJECTS,
    LONG,
    PROJECT,
    Command,
    arg,
    fields_of,
    name,
    names,
)
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.records.network import Subnet


def create(job: Job) -> Fields:
    from backends.services.network import NewSubnet

    args = job.args
    pools = [fields_of(text, ("start", "end")) for text in args.pools]
    new = NewSubnet(
        network=args.network,
        cidr=args.range or "",
        name=args.name,
        gateway=args.gateway or "auto",
        dhcp=args.dhcp is not False,
        dns=tuple(args.dns),
        pools=tuple((each.get("start", ""), each.get("end", "")) for each in pools),
        host_routes=tuple(_routes(args.routes)),
        ip_version=args.ip_version,
        subnet_pool=args.subnet_pool or "",
        use_default_pool=args.default_pool,
        prefix_length=args.prefix_length,
        ra_mode=args.ra_mode,
        address_mode=args.address_mode,
    )
    return _fields(job.cloud.networks.create_subnet(new))


def list_(job: Job) -> Rows:
    args = job.args
    pool = job.cloud.subnet_pools.show(args.subnet_pool).id if args.subnet_pool else None
    rows = [
        row
        for row in job.cloud.networks.subnets(network=args.network, all_projects=args.all_projects)
        if args.ip_version in (None, row.ip_version) and pool in (None, row.subnetpool_id)
    ]
    if not args.long:
        cells = [(row.id, row.name, row.network_id, row.cidr) for row in rows]
        return Rows(("ID", "Name", "Network", "Subnet"), cells)
    return Rows(
        ("ID", "Name", "Network", "Subnet", "Project", "DHCP", "Name Servers", "Allocation Pools",
         "Host Routes", "IP Version", "Gateway"),
        [(row.id, row.name, row.network_id, row.cidr, row.project_id, row.enable_dhcp,
          row.dns_nameservers, _pools(row), row.host_routes, row.ip_version, row.gateway_ip)
         for row in rows],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.networks.subnet(job.args.name))


def set_(job: Job) -> None:
    args, networks = job.args, job.cloud.networks
    dns = None
    if args.dns or args.no_dns:
        kept = [] if args.no_dns else networks.subnet(args.name).dns_nameservers
        dns = [*kept, *(each for each in args.dns if each not in kept)]
    routes = None
    if args.routes or args.no_routes:
        held = [] if args.no_routes else _held(networks.subnet(args.name))
        routes = list(dict.fromkeys([*held, *_routes(args.routes)]))
    networks.set_subnet(
        args.name, name=args.new_name, dns=dns, dhcp=args.dhcp, gateway=args.gateway,
        host_routes=routes,
    )  # fmt: skip


def unset(job: Job) -> None:
    args, networks = job.args, job.cloud.networks
    row, gone = networks.subnet(args.name), _routes(args.routes)
    dns = [each for each in row.dns_nameservers if each not in args.dns] if args.dns else None
    routes = [each for each in _held(row) if each not in gone] if gone else None
    networks.set_subnet(args.name, dns=dns, host_routes=routes)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.networks.delete_subnet)


def _routes(texts: list[str]) -> list[tuple[str, str]]:
    found = [fields_of(text, ("destination", "gateway")) for text in texts]
    return [(each.get("destination", ""), each.get("gateway", "")) for each in found]


def _held(row: Subnet) -> list[tuple[str, str]]:
    return [(each["destination"], each["nexthop"]) for each in row.host_routes]


def _pools(row: Subnet) -> list[str]:
    return [f"{pool['start']}-{pool['end']}" for pool in row.allocation_pools]


def _fields(row: Subnet) -> Fields:
    return Fields(
        {
            "allocation_pools": _pools(row),
            "cidr": row.cidr,
            "created_at": stamp(row.created_at),
            "dns_nameservers": row.dns_nameservers,
            "enable_dhcp": row.enable_dhcp,
            "gateway_ip": row.gateway_ip,
            "host_routes": row.host_routes,
            "id": row.id,
            "ip_version": row.ip_version,
            "ipv6_address_mode": row.ipv6_address_mode,
            "ipv6_ra_mode": row.ipv6_ra_mode,
            "name": row.name,
            "network_id": row.network_id,
            "project_id": row.project_id,
            "subnetpool_id": row.subnetpool_id,
        }
    )


_OPTIONS = (
    arg("--gateway", metavar="ADDRESS", help="an address, auto or none"),
    arg("--dns-nameserver", dest="dns", action="append", default=[], metavar="ADDRESS",
        help="a name server that DHCP hands out (repeat)"),
    arg("--dhcp", dest="dhcp", action="store_const", const=True, default=None, group="dhcp",
        help="serve DHCP"),
    arg("--no-dhcp", dest="dhcp", action="store_const", const=False, default=None, group="dhcp",
        help="serve none"),
)  # fmt: skip
_DNS = arg("--dns-nameserver", dest="dns", action="append", default=[], metavar="ADDRESS",
           help="a name server (repeat)")  # fmt: skip
_ROUTES = arg("--host-route", dest="routes", action="append", default=[],
              metavar="destination=CIDR,gateway=A", help="a route for guests (repeat)")  # fmt: skip
_MODES = ("slaac", "dhcpv6-stateful", "dhcpv6-stateless")
_VERSION = arg("--ip-version", type=int, choices=(4, 6), metavar="4|6", help="4 or 6")

COMMANDS = (
    Command(
        "subnet create", create, "Give a network a range of addresses.",
        (arg("name", metavar="NAME"),
         arg("--network", required=True, help="its network (name or id)"),
         arg("--subnet-range", dest="range", metavar="CIDR", help="its range"),
         arg("--subnet-pool", metavar="POOL", group="pool", help="the pool it is cut from"),
         arg("--use-default-subnet-pool", dest="default_pool", action="store_true", group="pool",
             help="cut it from the default pool of its IP version"),
         arg("--prefix-length", type=int, metavar="BITS", help="how long it is, of a pool"),
         *_OPTIONS, _VERSION,
         arg("--allocation-pool", dest="pools", action="append", default=[],
             metavar="start=A,end=B", help="addresses to give out (repeat)"),
         _ROUTES,
         arg("--ipv6-ra-mode", dest="ra_mode", choices=_MODES, metavar="MODE",
             help=f"what our routers advertise: {', '.join(_MODES)}"),
         arg("--ipv6-address-mode", dest="address_mode", choices=_MODES, metavar="MODE",
             help="how guests get their addresses; the same words"),
         PROJECT),
        "subnet create --network selfservice --dns-nameserver 8.8.8.8 --gateway 172.16.1.1"
        " --subnet-range 172.16.1.0/24 selfservice",
        "fields", writes=True,
    ),
    Command(
        "subnet list", list_, "List subnets.",
        (LONG, ALL_PROJECTS, arg("--network", help="of this network alone"), _VERSION,
         arg("--subnet-pool", metavar="POOL", help="cut from this pool alone")),
        shows="rows",
    ),
    Command("subnet show", show, "Show a subnet.", (name("SUBNET"),), shows="fields"),
    Command(
        "subnet set", set_, "Change a subnet; guests learn it when they renew their lease.",
        (name("SUBNET"), arg("--name", dest="new_name", help="a new name"), *_OPTIONS,
         arg("--no-dns-nameservers", dest="no_dns", action="store_true",
             help="forget the name servers there were"),
         _ROUTES,
         arg("--no-host-route", dest="no_routes", action="store_true",
             help="forget the routes there were")),
        "subnet set --dns-nameserver 9.9.9.9 selfservice", writes=True,
    ),
    Command(
        "subnet unset", unset, "Take name servers or routes from a subnet.",
        (name("SUBNET"), _DNS, _ROUTES),
        "subnet unset --dns-nameserver 9.9.9.9 selfservice", writes=True,
    ),
    Command(
        "subnet delete", delete, "Delete subnets without addresses in use.",
        (names("SUBNET"),), writes=True,
    ),
    *subnet_pool.COMMANDS,
)  # fmt: skip
