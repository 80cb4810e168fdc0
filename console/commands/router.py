"""Routers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import (
    ALL_PROJECTS,
    DESCRIPTION,
    LONG,
    PROJECT,
    Argument,
    Command,
    arg,
    fields_of,
    name,
    names,
)
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp, up

if TYPE_CHECKING:
    from backends.records.router import Router
    from backends.services.port import FixedAddress
    from backends.services.router import RouterView


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.routers.create(
        args.name,
        description=args.description or "",
        external=args.external,
        fixed=_fixed(args.fixed),
        snat=args.snat is not False,
        admin_state_up=args.up is not False,
    )
    return _fields(job.cloud.routers.show(row.id))


def list_(job: Job) -> Rows:
    args = job.args
    rows = [
        row
        for row in job.cloud.routers.list(all_projects=args.all_projects)
        if args.name in (None, row.name)
    ]
    columns = ("ID", "Name", "Status", "State", "Project")
    if not args.long:
        return Rows(columns, [_row(row) for row in rows])
    views = [job.cloud.routers.show(row.id) for row in rows]
    return Rows(
        (*columns, "Routes", "External gateway info"),
        [(*_row(view.router), _routes(view.router), _gateway(view)) for view in views],
    )


def _row(row: Router) -> tuple[str, ...]:
    return row.id, row.name, _status(row), up(row.admin_state_up), row.project_id


def _status(row: Router) -> str:
    """Neutron's word: one that is switched off is nowhere."""
    return "ACTIVE" if row.admin_state_up else "DOWN"


def show(job: Job) -> Fields:
    return _fields(job.cloud.routers.show(job.args.name))


def set_(job: Job) -> None:
    args, routers = job.args, job.cloud.routers
    routes = None
    if args.routes or args.no_routes:
        kept = [] if args.no_routes else _pairs(routers.show(args.name).router)
        routes = [*kept, *(each for each in map(_route, args.routes) if each not in kept)]
    if any(each is not None for each in (args.new_name, args.description, routes, args.up)):
        routers.set(
            args.name,
            name=args.new_name,
            description=args.description,
            routes=routes,
            admin_state_up=args.up,
        )
    if args.external is not None or args.snat is not None or args.fixed:
        ref = args.new_name or args.name
        routers.set_gateway(ref, args.external, fixed=_fixed(args.fixed), snat=args.snat)


def unset(job: Job) -> None:
    args, routers = job.args, job.cloud.routers
    if args.routes:
        gone = [_route(text) for text in args.routes]
        kept = [each for each in _pairs(routers.show(args.name).router) if each not in gone]
        routers.set(args.name, routes=kept)
    if args.external:
        routers.unset_gateway(args.name)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.routers.delete)


def add_subnet(job: Job) -> None:
    job.cloud.routers.add_subnet(job.args.name, job.args.subnet)


def remove_subnet(job: Job) -> None:
    job.cloud.routers.remove_subnet(job.args.name, job.args.subnet)


def add_port(job: Job) -> None:
    job.cloud.routers.add_port(job.args.name, job.args.port)


def remove_port(job: Job) -> None:
    job.cloud.routers.remove_port(job.args.name, job.args.port)


def add_route(job: Job) -> Fields:
    args, routers = job.args, job.cloud.routers
    kept = _pairs(routers.show(args.name).router)
    more = [each for each in map(_route, args.routes) if each not in kept]
    routers.set(args.name, routes=[*kept, *more])
    return _fields(routers.show(args.name))


def remove_route(job: Job) -> Fields:
    args, routers = job.args, job.cloud.routers
    gone = [_route(text) for text in args.routes]
    kept = [each for each in _pairs(routers.show(args.name).router) if each not in gone]
    routers.set(args.name, routes=kept)
    return _fields(routers.show(args.name))


def _fixed(texts: list[str]) -> list[FixedAddress]:
    from backends.services.port import FixedAddress

    found = [fields_of(text, ("subnet", "ip-address")) for text in texts]
    return [FixedAddress(each.get("subnet", ""), each.get("ip-address", "")) for each in found]


def _route(text: str) -> tuple[str, str]:
    from backends.errors import Usage

    found = fields_of(text, ("destination", "gateway"))
    if len(found) != 2:
        raise Usage("usage", "a route is destination=CIDR,gateway=ADDRESS")
    return found["destination"], found["gateway"]


def _pairs(row: Router) -> list[tuple[str, str]]:
    return [(route["destination"], route["nexthop"]) for route in row.routes]


def _routes(row: Router) -> list[str]:
    return [f"destination='{to}', gateway='{hop}'" for to, hop in _pairs(row)]


def _gateway(view: RouterView) -> dict[str, object] | None:
    outside = next((each for each in view.interfaces if each.outside), None)
    if outside is None:
        return None
    return {
        "enable_snat": view.router.enable_snat,
        "external_fixed_ips": [
            {"ip_address": address, "subnet_id": subnet} for subnet, address in outside.addresses
        ],
        "network_id": view.router.external_network_id,
    }


def _fields(view: RouterView) -> Fields:
    row = view.router
    return Fields(
        {
            "admin_state_up": up(row.admin_state_up),
            "created_at": stamp(row.created_at),
            "description": row.description,
            "external_gateway_info": _gateway(view),
            "id": row.id,
            "interfaces_info": [
                {"ip_address": address, "port_id": each.port.id, "subnet_id": subnet}
                for each in view.interfaces
                if not each.outside
                for subnet, address in each.addresses
            ],
            "name": row.name,
            "project_id": row.project_id,
            "routes": _routes(row),
            "status": _status(row),
        }
    )


_GATEWAY = (
    arg("--external-gateway", dest="external", metavar="NETWORK",
        help="an external network (name or id)"),
    arg("--fixed-ip", dest="fixed", action="append", default=[], metavar="subnet=S,ip-address=A",
        help="its address there (repeat)"),
    arg("--enable-snat", dest="snat", action="store_const", const=True, default=None, group="snat",
        help="guests share its address outside"),
    arg("--disable-snat", dest="snat", action="store_const", const=False, default=None,
        group="snat", help="guests go out as themselves"),
)  # fmt: skip
_STATE = (
    arg("--enable", dest="up", action="store_const", const=True, default=None, group="state",
        help="switch it on"),
    arg("--disable", dest="up", action="store_const", const=False, default=None, group="state",
        help="switch it off: it forwards nothing, its connections end"),
)  # fmt: skip
_SUBNET = arg("subnet", metavar="SUBNET", help="the subnet (name or id)")
_PORT = arg("port", metavar="PORT", help="the port (name or id)")


def _route_option(*, required: bool = False) -> Argument:
    return arg("--route", dest="routes", action="append", default=[], required=required,
               metavar="destination=CIDR,gateway=A", help="a static route (repeat)")  # fmt: skip


COMMANDS = (
    Command(
        "router create", create, "Make a router.",
        (arg("name", metavar="NAME"), *_GATEWAY, *_STATE, DESCRIPTION, PROJECT),
        "router create --external-gateway public router", "fields", writes=True,
    ),
    Command(
        "router list", list_, "List routers.",
        (LONG, ALL_PROJECTS, arg("--name", help="of this name alone")), "router list --long",
        "rows",
    ),
    Command("router show", show, "Show a router.", (name("ROUTER"),), shows="fields"),
    Command(
        "router set", set_, "Change a router, its gateway or its routes.",
        (name("ROUTER"), arg("--name", dest="new_name", help="a new name"), *_GATEWAY,
         _route_option(),
         arg("--no-route", dest="no_routes", action="store_true",
             help="forget the routes there were"),
         *_STATE, DESCRIPTION),
        "router set --external-gateway public router", writes=True,
    ),
    Command(
        "router unset", unset, "Take a router's gateway or routes away.",
        (name("ROUTER"), _route_option(),
         arg("--external-gateway", dest="external", action="store_true", help="its gateway")),
        "router unset --external-gateway router", writes=True,
    ),
    Command(
        "router delete", delete, "Delete routers without interfaces.", (names("ROUTER"),),
        writes=True,
    ),
    Command(
        "router add subnet", add_subnet, "Give a router the gateway address of a subnet.",
        (name("ROUTER"), _SUBNET), "router add subnet router selfservice", writes=True,
    ),
    Command(
        "router remove subnet", remove_subnet, "Take a router's interface on a subnet away.",
        (name("ROUTER"), _SUBNET), "router remove subnet router selfservice", writes=True,
    ),
    Command(
        "router add port", add_port, "Make a free port an interface of a router.",
        (name("ROUTER"), _PORT), "router add port router PORT", writes=True,
    ),
    Command(
        "router remove port", remove_port, "Take an interface away from a router, with its port.",
        (name("ROUTER"), _PORT), "router remove port router PORT", writes=True,
    ),
    Command(
        "router add route", add_route, "Give a router static routes.",
        (name("ROUTER"), _route_option(required=True)),
        "router add route --route destination=10.9.0.0/16,gateway=172.16.1.9 router", "fields",
        writes=True,
    ),
    Command(
        "router remove route", remove_route, "Take static routes from a router.",
        (name("ROUTER"), _route_option(required=True)),
        "router remove route --route destination=10.9.0.0/16,gateway=172.16.1.9 router", "fields",
        writes=True,
    ),
)  # fmt: skip
