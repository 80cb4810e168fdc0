"""Hosts, operations, connections and drift."""

from __future__ import annotations

from console.actions.action import deletion, form, verb, view

form("host.edit", "e", "Change", "edit")
deletion("host", lambda cloud, ids: cloud.hosts.delete(ids[0]), "Forget")

verb(
    "operation.cancel",
    "x",
    "Cancel",
    lambda cloud, ids: cloud.operations.cancel(ids[0]),
    hint=True,
)

view("connection.order", "o", "Order", "reorder")
view("connection.count", "c", "Count", "count")
verb(
    "connection.end",
    "ctrl+d",
    "End",
    lambda cloud, ids: cloud.connections.end(ids[0]),
    dangerous=True,
    hint=True,
)

form("drift.repair", "r", "Repair", "repair")
form("drift.repair_all", "ctrl+r", "Repair all", "repair_all")
form("drift.adopt", "a", "Adopt", "adopt")
form("drift.forget", "f", "Forget", "forget")
form("drift.remove", "ctrl+d", "Remove orphan", "remove_orphan")
