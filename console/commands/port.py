"""Ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import dhcp_option
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
from console.commands.values import stamp, up

if TYPE_CHECKING:
    from backends.services.port import AddressPair, FixedAddress, PortView


def create(job: Job) -> Fields:
    args = job.args
    port = job.cloud.ports.create(
        args.network,
        args.name,
        fixed=_addresses(args.fixed),
        mac=args.mac,
        groups=_groups(args.groups, args.no_groups),
        qos_policy=args.qos_policy,
        host=args.host or "",
        dns_name=args.dns_name or "",
        options=dhcp_option.parse(args.options),
        admin_state_up=args.up is not False,
    )
    return _fields(job.cloud.ports.show(port.id))


def list_(job: Job) -> Rows:
    args = job.args
    device = job.cloud.instances.show(args.server).id if args.server else None
    views = job.cloud.ports.list(
        network=args.network, device=device, all_projects=args.all_projects
    )
    columns = ("ID", "Name", "MAC Address", "Fixed IP Addresses", "Status")
    cells: list[tuple[object, ...]] = [
        (each.port.id, each.port.name, each.port.mac, _fixed(each), _status(each)) for each in views
    ]
    if not args.long:
        return Rows(columns, cells)
    more = [
        (*cell, list(view.groups), view.port.device_owner)
        for cell, view in zip(cells, views, strict=True)
    ]
    return Rows((*columns, "Security Groups", "Device Owner"), more)


def traffic(job: Job) -> Rows:
    """Packets since a port's rules last changed: let out, let in, and dropped on either way."""
    ports, everybody = job.cloud.ports, job.args.all_projects
    names = {view.port.id: view.port.name for view in ports.list(all_projects=everybody)}
    return Rows(
        ("ID", "Name", "Sent", "Received", "Blocked Out", "Blocked In"),
        [
            (id_, names[id_], each.sent, each.received, each.blocked_out, each.blocked_in)
            for id_, each in ports.counters(all_projects=everybody).items()
        ],
    )


def show(job: Job) -> Fields:
    return _fields(job.cloud.ports.show(job.args.name))


def set_(job: Job) -> None:
    args, ports = job.args, job.cloud.ports
    there = ports.show(args.name)
    groups = _groups(args.groups, args.no_groups)
    if args.groups and not args.no_groups:
        groups = [*there.groups, *(each for each in args.groups if each not in there.groups)]
    allowed = _pairs(args.allowed) if args.allowed or args.no_allowed else None
    if allowed is not None and not args.no_allowed:
        allowed = [*_recorded(there), *allowed]
    fixed = _addresses(args.fixed) if args.fixed or args.no_fixed else None
    if fixed is not None and not args.no_fixed:
        fixed = [*_held(there), *fixed]
    ports.set(
        args.name,
        name=args.new_name,
        fixed=fixed,
        groups=groups,
        allowed=allowed,
        port_security=args.port_security,
        admin_state_up=args.up,
        qos_policy=args.qos_policy,
        host=args.host,
        dns_name=args.dns_name,
        options=dhcp_option.parse(args.options) if args.options else None,
    )


def unset(job: Job) -> None:
    args, ports = job.args, job.cloud.ports
    there = ports.show(args.name)
    kept = [group for group in there.groups if group not in args.groups]
    gone = _pairs(args.allowed)
    pairs = [pair for pair in _recorded(there) if pair not in gone] if gone else None
    fixed = _without(there, args.fixed) if args.fixed else None
    policy = "" if args.no_qos_policy else None
    options = dhcp_option.gone(args.options, there.port.extra_dhcp_opts) if args.options else None
    ports.set(args.name, groups=kept if args.groups else None, allowed=pairs, fixed=fixed,
              qos_policy=policy, options=options)  # fmt: skip


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.ports.delete)


def _addresses(texts: list[str]) -> list[FixedAddress]:
    from backends.services.port import FixedAddress

    wanted = [fields_of(text, ("subnet", "ip-address")) for text in texts]
    return [FixedAddress(each.get("subnet", ""), each.get("ip-address", "")) for each in wanted]


def _held(view: PortView) -> list[FixedAddress]:
    from backends.services.port import FixedAddress

    return [FixedAddress(subnet, address) for subnet, address in view.addresses]


def _without(view: PortView, texts: list[str]) -> list[FixedAddress]:
    """The port's addresses but for those named, each by address or by subnet."""
    gone = _addresses(texts)
    return [
        held
        for held in _held(view)
        if not any(
            each.address in ("", held.address) and (each.address or each.subnet == held.subnet)
            for each in gone
        )
    ]


def _pairs(texts: list[str]) -> list[AddressPair]:
    from backends.services.port import AddressPair

    wanted = [fields_of(text, ("ip-address", "mac-address")) for text in texts]
    return [AddressPair(each.get("ip-address", ""), each.get("mac-address", "")) for each in wanted]


def _recorded(view: PortView) -> list[AddressPair]:
    from backends.services.port import AddressPair

    pairs = view.port.allowed_address_pairs
    return [AddressPair(pair["ip_address"], pair.get("mac_address", "")) for pair in pairs]


def _groups(named: list[str], none: bool) -> list[str] | None:
    return named if named or none else None


def _fixed(view: PortView) -> list[dict[str, str]]:
    return [{"ip_address": address, "subnet_id": subnet} for subnet, address in view.addresses]


def _status(view: PortView) -> str:
    return "ACTIVE" if view.port.device_id else "DOWN"


def _fields(view: PortView) -> Fields:
    port = view.port
    return Fields(
        {
            "admin_state_up": up(port.admin_state_up),
            "allowed_address_pairs": port.allowed_address_pairs,
            "binding_host_id": port.host,
            "created_at": stamp(port.created_at),
            "device_id": port.device_id,
            "device_owner": port.device_owner,
            "dns_name": port.dns_name,
            "extra_dhcp_opts": port.extra_dhcp_opts,
            "fixed_ips": _fixed(view),
            "id": port.id,
            "mac_address": port.mac,
            "name": port.name,
            "network_id": port.network_id,
            "port_security_enabled": port.port_security,
            "project_id": port.project_id,
            "qos_policy_id": port.qos_policy_id,
            "security_group_names": list(view.groups),
            "status": _status(view),
        }
    )


_FIXED = arg(
    "--fixed-ip",
    dest="fixed",
    action="append",
    default=[],
    metavar="subnet=S,ip-address=A",
    help="an address (repeat)",
)
_GROUPS = arg("--security-group", dest="groups", action="append", default=[], metavar="GROUP",
              help="a security group (repeat)")  # fmt: skip
_NO_GROUPS = arg("--no-security-group", dest="no_groups", action="store_true", help="no group")
_QOS = arg(
    "--qos-policy",
    dest="qos_policy",
    default=None,
    metavar="POLICY",
    group="qos",
    help="how fast it may be (name or id)",
)
_NO_QOS = arg(
    "--no-qos-policy",
    dest="qos_policy",
    action="store_const",
    const="",
    group="qos",
    help="its network's policy, if that has one",
)
_DNS_NAME = arg("--dns-name", metavar="NAME", help="what DNS calls it, in its network's domain")
_ALLOWED = arg("--allowed-address", dest="allowed", action="append", default=[],
               metavar="ip-address=A[,mac-address=M]",
               help="an address or prefix it may have beside its own (repeat)")  # fmt: skip

_STATE = (
    arg("--enable", dest="up", action="store_true", default=None, group="state",
        help="let it pass traffic"),
    arg("--disable", dest="up", action="store_false", default=None, group="state",
        help="let nothing pass"),
)  # fmt: skip
_HOST = arg("--host", metavar="HOST", help="where something is plugged into it by hand (admin)")

COMMANDS = (
    Command(
        "port create", create, "Make a free port.",
        (arg("name", metavar="NAME"),
         arg("--network", required=True, help="its network (name or id)"),
         _FIXED,
         arg("--mac-address", dest="mac", metavar="MAC", help="its MAC address"), _HOST,
         _GROUPS, _NO_GROUPS, _QOS, _DNS_NAME, dhcp_option.option(), *_STATE, PROJECT),
        "port create --network selfservice --fixed-ip ip-address=172.16.1.20 web", "fields",
        writes=True,
    ),
    Command(
        "port list", list_, "List ports.",
        (LONG, ALL_PROJECTS, arg("--network", help="of this network alone"),
         arg("--server", help="of this instance alone")),
        "port list --server selfservice-instance", "rows",
    ),
    Command(
        "port traffic", traffic,
        "Count what plugged ports sent and received, and what their rules dropped (packets).",
        (ALL_PROJECTS,), "port traffic", "rows",
    ),
    Command("port show", show, "Show a port.", (name("PORT"),), shows="fields"),
    Command(
        "port set", set_, "Change a port: its name, groups, addresses, filter and state.",
        (name("PORT"), arg("--name", dest="new_name", help="a new name"), _HOST, _FIXED,
         arg("--no-fixed-ip", dest="no_fixed", action="store_true",
             help="none but those that are given here"), _GROUPS, _NO_GROUPS,
         _QOS, _NO_QOS, _ALLOWED, _DNS_NAME, dhcp_option.option(),
         arg("--no-allowed-address", dest="no_allowed", action="store_true",
             help="none but those that are given here"),
         arg("--enable-port-security", dest="port_security", action="store_true", default=None,
             help="filter what it sends and receives"),
         arg("--disable-port-security", dest="port_security", action="store_false", default=None,
             help="let everything through (without groups and allowed addresses alone)"),
         *_STATE),
        "port set --security-group web PORT", writes=True,
    ),
    Command(
        "port unset", unset, "Take addresses, groups, allowed addresses or options from a port.",
        (name("PORT"), _FIXED, _GROUPS, _ALLOWED,
         arg("--extra-dhcp-option", dest="options", action="append", default=[], metavar="NAME",
             help="a DHCP option (repeat)"),
         arg("--qos-policy", dest="no_qos_policy", action="store_true",
             help="take its own policy away: then its network's holds")),
        "port unset --security-group web PORT", writes=True,
    ),
    Command("port delete", delete, "Delete free ports.", (names("PORT"),), writes=True),
)  # fmt: skip
