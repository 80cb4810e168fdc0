"""OpenFlow flows, explained."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from console.commands.command import Command, arg
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backends.inspect.flow_listing import FlowListing
    from backends.records.security import SecurityGroup, SecurityGroupRule


def list_(job: Job) -> Rows:
    args, flows = job.args, job.cloud.flows
    before: Sequence[FlowListing] = ()
    listings = flows.list(args.bridge, table=args.table)
    if args.seconds:
        time.sleep(args.seconds)
        before = listings
        known = listings[0].names if listings else None
        listings = flows.list(args.bridge, table=args.table, known=known)
    rows = list(flows.rows(listings, before, port=args.port))
    if args.busiest:
        rows.sort(key=lambda row: (-row.rate, -row.packets))
    columns = ("ID", "Bridge", "Table", "Priority", "Packets", "Bytes", "Owner", "Match", "Actions")
    cells = [
        (row.id, row.bridge, row.table, row.priority, row.packets, row.octets, row.owner.title,
         row.match, row.actions)
        for row in rows[: args.limit or None]
    ]  # fmt: skip
    if not args.seconds:
        return Rows(columns, cells)
    rates = [(round(row.rate, 1), round(row.speed, 1)) for row in rows[: args.limit or None]]
    faster = [(*cell[:6], *rate, *cell[6:]) for cell, rate in zip(cells, rates, strict=True)]
    return Rows((*columns[:6], "Packets/s", "Bytes/s", *columns[6:]), faster)


def explain(job: Job) -> Fields:
    row = job.cloud.flows.show(job.args.id)
    found = row.explain()
    owner = found.owner
    return Fields(
        {
            "id": row.id,
            "bridge": row.bridge,
            "table": row.table,
            "role": found.role,
            "priority": row.priority,
            "matches": found.match,
            "does": found.actions,
            "owner": owner.title or "nobody known",
            "instance": owner.instance.name if owner.instance else None,
            "port_id": owner.port.id if owner.port else None,
            "network": owner.network.name if owner.network else None,
            "project_id": owner.project_id or None,
            "rules": [_rule(group, rule) for group, rule in found.rules],
            "packets": row.packets,
            "bytes": row.octets,
            "age": round(row.age),
            "cookie": f"{row.cookie:#x}",
            "match": row.match,
            "actions": row.actions,
        }
    )


def _rule(group: SecurityGroup, rule: SecurityGroupRule) -> str:
    ports = "" if rule.port_min is None else f" {rule.port_min}-{rule.port_max}"
    remote = rule.remote_prefix or rule.peer_id or "any"
    what = f"{rule.direction} {rule.ethertype} {rule.protocol or 'any'}{ports} {remote}"
    return f"{group.name}: {what} ({rule.id})"


COMMANDS = (
    Command(
        "flow list", list_, "List flows of the cloud's bridges.",
        (arg("--bridge", help="of this bridge alone"),
         arg("--table", type=int, help="of this table alone"),
         arg("--port", help="of this port alone (id, name or interface)"),
         arg("--busiest", action="store_true", help="the busiest first"),
         arg("--limit", type=int, default=0, help="at most so many"),
         arg("--seconds", type=float, default=0.0, help="measure rates for so long")),
        "flow list --table 82 --port tap0123abcd-45", "rows",
    ),
    Command(
        "flow explain", explain, "Say what a flow is for, and what put it there.",
        (arg("id", metavar="ID", help="as the list shows it, or its beginning"),),
        "flow explain 3f09c1", "fields",
    ),
)  # fmt: skip
