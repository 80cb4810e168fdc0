"""Security groups and their rules."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, DESCRIPTION, PROJECT, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.records.security import SecurityGroup, SecurityGroupRule


def create(job: Job) -> Fields:
    args, groups = job.args, job.cloud.security_groups
    row = groups.create(args.name, args.description or "", stateful=args.stateful is not False)
    return _fields(row, groups.rules(row.id))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.security_groups.set(
        args.name, name=args.new_name, description=args.description, stateful=args.stateful
    )


def list_(job: Job) -> Rows:
    rows = job.cloud.security_groups.list(all_projects=job.args.all_projects)
    return Rows(
        ("ID", "Name", "Description", "Project", "Stateful"),
        [(row.id, row.name, row.description, row.project_id, row.stateful) for row in rows],
    )


def show(job: Job) -> Fields:
    groups = job.cloud.security_groups
    row = groups.show(job.args.name)
    return _fields(row, groups.rules(row.id))


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.security_groups.delete)


def create_rule(job: Job) -> Fields:
    from backends.services.security_group import NewRule

    args = job.args
    low, high = _ports(args)
    ethertype = args.ethertype or ("IPv6" if _is_v6(args.remote_ip, args.protocol) else "IPv4")
    new = NewRule(
        group=args.name,
        direction=args.direction or "ingress",
        ethertype=ethertype,
        protocol=args.protocol,
        port_min=low,
        port_max=high,
        remote_prefix=args.remote_ip,
        remote_group=args.remote_group,
        remote_address_group=args.remote_address_group,
        description=args.description or "",
    )
    return Fields(_rule(job.cloud.security_groups.add_rule(new)))


def list_rules(job: Job) -> Rows:
    args = job.args
    protocol = _ALIASES.get(args.protocol, args.protocol)
    rows = [
        row
        for row in job.cloud.security_groups.rules(args.group, all_projects=args.all_projects)
        if args.direction in (None, row.direction)
        and args.ethertype in (None, row.ethertype)
        and (protocol is None or row.protocol == (None if protocol == "any" else protocol))
    ]
    columns = ("ID", "IP Protocol", "Ethertype", "IP Range", "Port Range", "Direction",
               "Remote Security Group", "Remote Address Group")  # fmt: skip
    cells = [
        (row.id, row.protocol, row.ethertype, _prefix(row), _port_range(row), row.direction,
         row.remote_group_id, row.remote_address_group_id, row.group_id)
        for row in rows
    ]  # fmt: skip
    if args.group:
        return Rows(columns, [cell[:-1] for cell in cells])
    return Rows((*columns, "Security Group"), cells)


def show_rule(job: Job) -> Fields:
    return Fields(_rule(job.cloud.security_groups.rule(job.args.name)))


def delete_rules(job: Job) -> None:
    job.each(job.args.names, job.cloud.security_groups.remove_rule)


def _ports(args: Namespace) -> tuple[int | None, int | None]:
    """`22` or `8000:8080`; for ICMP type and code."""
    from backends.errors import Usage

    if args.icmp_type is not None or args.icmp_code is not None:
        return args.icmp_type, args.icmp_code
    if args.dst_port is None:
        return None, None
    low, colon, high = args.dst_port.partition(":")
    if not low.isdecimal() or (colon and not high.isdecimal()):
        raise Usage("usage", f"{args.dst_port!r} is not PORT or FIRST:LAST")
    return int(low), int(high or low)


def _is_v6(prefix: str | None, protocol: str | None) -> bool:
    """Whether the prefix or the protocol is of IPv6 alone, as the client guesses."""
    named = (protocol or "").lower()
    return named.startswith("ipv6") or named in ("icmpv6", "58") or ":" in (prefix or "")


def _prefix(row: SecurityGroupRule) -> str:
    if row.remote_prefix:
        return row.remote_prefix
    return "0.0.0.0/0" if row.ethertype == "IPv4" else "::/0"


def _port_range(row: SecurityGroupRule) -> str:
    if row.port_min is None and row.port_max is None:
        return ""
    if row.protocol in ("icmp", "ipv6-icmp"):
        code = "" if row.port_max is None else f":code={row.port_max}"
        return f"type={row.port_min}{code}"
    return f"{row.port_min}:{row.port_max}"


def _rule(row: SecurityGroupRule) -> dict[str, object]:
    return {
        "description": row.description,
        "direction": row.direction,
        "ether_type": row.ethertype,
        "id": row.id,
        "port_range_max": row.port_max,
        "port_range_min": row.port_min,
        "protocol": row.protocol,
        "remote_address_group_id": row.remote_address_group_id,
        "remote_group_id": row.remote_group_id,
        "remote_ip_prefix": row.remote_prefix,
        "security_group_id": row.group_id,
    }


def _fields(row: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> Fields:
    from console.commands.values import stamp

    told = [{key: value for key, value in _rule(rule).items() if value} for rule in rules]
    return Fields(
        {
            "created_at": stamp(row.created_at),
            "description": row.description,
            "id": row.id,
            "name": row.name,
            "project_id": row.project_id,
            "rules": told,
            "stateful": row.stateful,
        }
    )


_DIRECTION = tuple(
    arg(f"--{word}", dest="direction", action="store_const", const=word, default=None,
        group="direction", help=text)
    for word, text in (("ingress", "what comes in (default)"), ("egress", "what goes out"))
)  # fmt: skip
_PROTOCOL = arg("--protocol", help="tcp, udp, icmp, ipv6-icmp, sctp, vrrp..., a number, any")
_ETHERTYPE = arg("--ethertype", choices=("IPv4", "IPv6"), metavar="IPv4|IPv6",
                 help="which IP; guessed where it is not said")  # fmt: skip
_STATEFUL = tuple(
    arg(flag, dest="stateful", action="store_const", const=value, default=None, group="stateful",
        help=text)
    for flag, value, text in (
        ("--stateful", True, "rules decide about connections (default)"),
        ("--stateless", False, "rules decide about each packet: answers take rules of their own"),
    )
)  # fmt: skip
_ALIASES = {"icmpv6": "ipv6-icmp", "1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}

COMMANDS = (
    Command(
        "security group create", create, "Make a group that lets everything out and nothing in.",
        (arg("name", metavar="NAME"), *_STATEFUL, DESCRIPTION, PROJECT),
        "security group create web", "fields", writes=True,
    ),
    Command(
        "security group set", set_, "Change a group; its kind only while no port has it.",
        (name("GROUP"), arg("--name", dest="new_name", help="a new name"), *_STATEFUL, DESCRIPTION),
        "security group set --name shop web", writes=True,
    ),
    Command(
        "security group list", list_, "List security groups.", (ALL_PROJECTS, PROJECT), shows="rows"
    ),
    Command(
        "security group show", show, "Show a group with its rules.", (name("GROUP"),),
        shows="fields",
    ),
    Command(
        "security group delete", delete, "Delete groups that nothing uses.", (names("GROUP"),),
        writes=True,
    ),
    Command(
        "security group rule create", create_rule, "Let something in, or out.",
        (name("GROUP"), *_DIRECTION, _PROTOCOL,
         arg("--dst-port", metavar="PORT[:LAST]", help="a port or a range"),
         arg("--icmp-type", type=int, metavar="N", help="ICMP type"),
         arg("--icmp-code", type=int, metavar="N", help="ICMP code"),
         arg("--remote-ip", metavar="CIDR", group="remote", help="who may"),
         arg("--remote-group", metavar="GROUP", group="remote", help="whose members may"),
         arg("--remote-address-group", metavar="GROUP", group="remote",
             help="an address group whose addresses may"),
         _ETHERTYPE, DESCRIPTION, PROJECT),
        "security group rule create --protocol tcp --dst-port 22 default", "fields", writes=True,
    ),
    Command(
        "security group rule list", list_rules, "List the rules of a group, or of all.",
        (arg("group", nargs="?", metavar="GROUP"), *_DIRECTION, _PROTOCOL, _ETHERTYPE,
         ALL_PROJECTS, PROJECT, arg("--long", action="store_true", help="accepted")),
        "security group rule list default", "rows",
    ),
    Command(
        "security group rule show", show_rule, "Show a rule.", (name("RULE"),), shows="fields"
    ),
    Command(
        "security group rule delete", delete_rules, "Delete rules.", (names("RULE"),), writes=True
    ),
)  # fmt: skip
