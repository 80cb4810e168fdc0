"""Connections: in the switch, in routers and DHCP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import LONG, Command, arg
from console.commands.job import Job
from console.commands.output import Rows

if TYPE_CHECKING:
    from backends.inspect.connection_listing import ConnectionListing

_ORDERS = ("octets", "packets", "timeout", "zone")
_COLUMNS = ("ID", "Place", "Protocol", "State", "From", "To", "NAT", "Floating IP", "Network")
_LONG = (*_COLUMNS, "Zone", "Mark", "Timeout", "Packets", "Bytes", "Project")
_COUNTS = ("zone", "instance", "state")


def list_(job: Job) -> Rows:
    args = job.args
    found = job.cloud.connections.list(
        zone=args.zone,
        network=args.network,
        server=args.server,
        namespace=args.namespace,
        mark=args.mark,
    )
    if args.count_by:
        return _counts(found, args.count_by)
    from backends.inspect.connections import shown

    rows = []
    for each in found.page(args.start, args.limit, args.order):
        icmp = each.protocol.startswith("icmp")
        source = shown(each.source.address, each.source.port, icmp)
        destination = shown(each.destination.address, each.destination.port, icmp)
        cells: tuple[object, ...] = (
            each.place.title, each.protocol, each.state,
            _named(source, each.source.title, each.source.address),
            _named(destination, each.destination.title, each.destination.address),
            each.via, each.floating, each.network.name if each.network else None,
        )  # fmt: skip
        if args.long:
            connection = each.connection
            cells += (connection.zone, connection.mark, connection.timeout,
                      sum(connection.packets), sum(connection.octets), each.project_id)  # fmt: skip
        rows.append((each.id, *cells))
    columns = _LONG if args.long else _COLUMNS
    if len(rows) < len(found):
        job.say(f"{len(rows):,} of {len(found):,} connections; --limit shows more")
    return Rows(columns, rows)


def _counts(found: ConnectionListing, by: str) -> Rows:
    count = {"zone": found.by_zone, "instance": found.by_instance, "state": found.by_state}[by]
    cells = [(each.what, each.connections) for each in count()]
    return Rows((by.capitalize(), "Connections"), cells)


def _named(text: str, title: str, address: str) -> str:
    return text if title == address else f"{text} ({title})"


def delete(job: Job) -> None:
    job.each(job.args.ids, job.cloud.connections.end)


COMMANDS = (
    Command(
        "connection list", list_, "List connections of guests.",
        (LONG,
         arg("--zone", type=int, help="of this zone alone; the kernel picks them"),
         arg("--network", help="of this network alone (name or id)"),
         arg("--server", help="of this instance alone (name or id)"),
         arg("--namespace", help="of this place alone: qrouter-ID, qdhcp-ID, switch or host"),
         arg("--mark", type=int, help="with this mark alone"),
         arg("--order", choices=_ORDERS, default="octets", help="by what (octets)"),
         arg("--count-by", dest="count_by", choices=_COUNTS, help="count them instead"),
         arg("--start", type=int, default=0, help="leave out so many"),
         arg("--limit", type=int, default=100, help="at most so many (100)")),
        "connection list --server selfservice-instance", "rows",
    ),
    Command(
        "connection delete", delete, "End connections; what they carried must be allowed anew.",
        (arg("ids", nargs="+", metavar="ID", help="as the list shows it"),),
        "connection delete switch/3/tcp/172.16.1.5,40000,172.16.1.9,22/0", writes=True,
    ),
)  # fmt: skip
