"""The rows of Open vSwitch's database that matter here, read (ovs-vswitchd.conf.db(5))."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backends.drivers.ovs.facts import OvsBridge, OvsFacts, OvsPort
from backends.drivers.ovs.ovsdb import Json, Ovsdb, atoms, mapping, row_id, row_ids

BRIDGE = ("_uuid", "name", "ports", "datapath_type", "fail_mode", "other_config", "external_ids")
PORT = ("_uuid", "name", "interfaces", "tag")
INTERFACE = (
    "_uuid",
    "name",
    "type",
    "ofport",
    "error",
    "mac",
    "mtu_request",
    "ofport_request",
    "options",
    "external_ids",
)
# A port may have no number yet, and OVSDB writes that as the empty set.
_NO_NUMBER = -1


@dataclass(frozen=True, slots=True)
class BridgeRow:
    """A row of Bridge."""

    uuid: str
    name: str
    ports: frozenset[str]
    datapath: str
    fail_mode: str
    config: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InterfaceRow:
    """A row of Interface. `mac`, `mtu`, `number` are what was asked for: empty and 0 if nothing."""

    uuid: str
    name: str
    type: str = ""
    ofport: int = _NO_NUMBER
    error: str = ""
    mac: str = ""
    mtu: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class PortRow:
    """A row of Port with its interface (the first of a bond) and its bridge."""

    uuid: str
    name: str
    vlan: int
    interface: InterfaceRow
    bridge: BridgeRow | None = None


def select(table: str, columns: Sequence[str], where: Sequence[Any] = ()) -> Json:
    """A select operation (RFC 7047, 5.2.2)."""
    return {"op": "select", "table": table, "where": list(where), "columns": list(columns)}


def read_all(database: Ovsdb) -> OvsFacts:
    """All bridges and ports, in one round trip."""
    columns = ("_uuid", "name", "type", "ofport", "error", "options", "external_ids")
    bridge_rows, port_rows, interface_rows = database.transact(
        [select("Bridge", BRIDGE), select("Port", PORT), select("Interface", columns)]
    )
    interfaces = {row["_uuid"][1]: row for row in interface_rows["rows"]}
    bridges = [bridge_row(row) for row in bridge_rows["rows"]]
    bridge_of = {port: bridge.name for bridge in bridges for port in bridge.ports}
    return OvsFacts(
        bridges={
            each.name: OvsBridge(each.name, each.datapath, each.fail_mode, labels=each.labels)
            for each in bridges
        },
        ports={
            row["name"]: _port_fact(row, bridge_of.get(row["_uuid"][1], ""), interfaces)
            for row in port_rows["rows"]
        },
    )


def find_bridge(database: Ovsdb, name: str) -> BridgeRow | None:
    """The bridge of that name."""
    rows = database.transact([select("Bridge", BRIDGE, [["name", "==", name]])])[0]["rows"]
    return bridge_row(rows[0]) if rows else None


def find_port(database: Ovsdb, name: str) -> PortRow | None:
    """The port of that name, with its interface and its bridge."""
    with database.connect() as connection:
        ports = connection.transact([select("Port", PORT, [["name", "==", name]])])[0]["rows"]
        if not ports:
            return None
        uuid = ports[0]["_uuid"][1]
        interface = row_ids(ports[0]["interfaces"])[0]
        bridges, interfaces = connection.transact(
            [
                select("Bridge", BRIDGE, [["ports", "includes", row_id(uuid)]]),
                select("Interface", INTERFACE, [["_uuid", "==", row_id(interface)]]),
            ]
        )
    if not interfaces["rows"]:
        return None
    return PortRow(
        uuid,
        name,
        _first(ports[0]["tag"], 0),
        interface_row(interfaces["rows"][0]),
        bridge_row(bridges["rows"][0]) if bridges["rows"] else None,
    )


def bridge_row(row: Json) -> BridgeRow:
    """A row of Bridge off the wire."""
    return BridgeRow(
        row["_uuid"][1],
        row["name"],
        frozenset(row_ids(row["ports"])),
        row["datapath_type"],
        _first(row["fail_mode"], ""),
        mapping(row["other_config"]),
        mapping(row["external_ids"]),
    )


def interface_row(row: Json) -> InterfaceRow:
    """A row of Interface off the wire."""
    return InterfaceRow(
        row["_uuid"][1],
        row["name"],
        row["type"],
        _first(row["ofport"], _NO_NUMBER),
        _first(row["error"], ""),
        _first(row["mac"], ""),
        _first(row["mtu_request"], 0),
        mapping(row["external_ids"]),
        mapping(row["options"]),
        _first(row["ofport_request"], 0),
    )


def _port_fact(row: Json, bridge: str, interfaces: dict[str, Json]) -> OvsPort:
    interface = interfaces[row_ids(row["interfaces"])[0]]
    options = mapping(interface["options"])
    ends = (options.get("local_ip", ""), options.get("remote_ip", ""))
    return OvsPort(
        row["name"],
        bridge,
        _first(row["tag"], 0),
        interface["type"] == "internal",
        _first(interface["ofport"], _NO_NUMBER),
        _first(interface["error"], ""),
        mapping(interface["external_ids"]),
        options.get("peer", "") if interface["type"] == "patch" else "",
        ends if interface["type"] == "vxlan" else (),
    )


def _first(value: Any, otherwise: Any) -> Any:
    """The one member of an optional value, or `otherwise`."""
    members = atoms(value)
    return members[0] if members else otherwise
