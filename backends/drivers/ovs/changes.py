"""Changes of Open vSwitch's database as operations (RFC 7047, 5.2). Pure.

An empty list says that all is as it should be. Every change of a row that was there is guarded: the
transaction fails where somebody relabelled the row since it was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backends.drivers.ovs.ovsdb import Json, row_id, to_map, to_set
from backends.drivers.ovs.steps import AddBridge, AddPatch, AddPort, AddTunnel
from backends.drivers.ovs.tables import BridgeRow, PortRow

Plugged = AddPort | AddPatch | AddTunnel

# Without it a bridge with a controller would open paths past its flows (ovs-vswitchd.conf.db(5)).
_BRIDGE_CONFIG = {"disable-in-band": "true"}


def add_bridge(step: AddBridge, bridge: BridgeRow | None) -> list[Json]:
    """Make the bridge, or put it right."""
    if bridge is not None:
        return _correct_bridge(step, bridge)
    return [
        _insert("Interface", "interface", {"name": step.name, "type": "internal"}),
        _insert("Port", "port", {"name": step.name, "interfaces": ["named-uuid", "interface"]}),
        _insert(
            "Bridge",
            "bridge",
            {
                "name": step.name,
                "ports": ["named-uuid", "port"],
                "datapath_type": step.datapath,
                "fail_mode": "secure",
                "other_config": to_map(_BRIDGE_CONFIG),
                "external_ids": to_map(dict(step.labels)),
            },
        ),
        _mutate("Open_vSwitch", [], "bridges", "insert", ["named-uuid", "bridge"]),
    ]


def remove_bridge(bridge: BridgeRow) -> list[Json]:
    """Take the bridge away; its ports go with it, as nothing else refers to them."""
    return [
        _unchanged("Bridge", bridge.uuid, bridge.labels),
        _mutate("Open_vSwitch", [], "bridges", "delete", row_id(bridge.uuid)),
    ]


def add_port(step: Plugged, bridge: BridgeRow, port: PortRow | None) -> list[Json]:
    """Make the port, or put it right: bridge, tag, type, MAC, MTU, peer, labels."""
    if port is None:
        row = _wired(
            {
                "name": step.name,
                **_interface_columns(step),
                "external_ids": dict(step.labels),
            }
        )
        tagged = {"tag": vlan} if (vlan := _vlan(step)) else {}
        return [
            _insert("Interface", "interface", row),
            _insert(
                "Port",
                "port",
                {"name": step.name, "interfaces": ["named-uuid", "interface"], **tagged},
            ),
            _mutate_row("Bridge", bridge.uuid, "ports", "insert", ["named-uuid", "port"]),
        ]
    changes = _correct_port(step, bridge, port)
    if not changes:
        return []
    return [_unchanged("Interface", port.interface.uuid, port.interface.labels), *changes]


def remove_port(port: PortRow) -> list[Json]:
    """Take the port off its bridge; the row goes, as nothing refers to it."""
    if port.bridge is None:
        return []
    return [
        _unchanged("Interface", port.interface.uuid, port.interface.labels),
        _mutate_row("Bridge", port.bridge.uuid, "ports", "delete", row_id(port.uuid)),
    ]


def _correct_bridge(step: AddBridge, bridge: BridgeRow) -> list[Json]:
    wanted = {
        "datapath_type": step.datapath,
        "fail_mode": "secure",
        "other_config": {**bridge.config, **_BRIDGE_CONFIG},
        "external_ids": {**bridge.labels, **dict(step.labels)},
    }
    found = {
        "datapath_type": bridge.datapath,
        "fail_mode": bridge.fail_mode,
        "other_config": bridge.config,
        "external_ids": bridge.labels,
    }
    row = _differences(wanted, found)
    if not row:
        return []
    return [
        _unchanged("Bridge", bridge.uuid, bridge.labels),
        _update("Bridge", bridge.uuid, row),
    ]


def _correct_port(step: Plugged, bridge: BridgeRow, port: PortRow) -> list[Json]:
    interface = port.interface
    wanted = {
        **_interface_columns(step),
        "external_ids": {**interface.labels, **dict(step.labels)},
    }
    found = {
        "type": interface.type,
        "mac": interface.mac,
        "mtu_request": interface.mtu,
        "options": interface.options,
        "ofport_request": interface.number,
        "external_ids": interface.labels,
    }
    changes = []
    if row := _differences(wanted, found):
        changes.append(_update("Interface", interface.uuid, row))
    if port.vlan != _vlan(step):
        tag = _vlan(step) or to_set([])
        changes.append(_update("Port", port.uuid, {"tag": tag}))
    if port.bridge is None or port.bridge.uuid != bridge.uuid:
        if port.bridge is not None:
            changes.append(
                _mutate_row("Bridge", port.bridge.uuid, "ports", "delete", row_id(port.uuid))
            )
        changes.append(_mutate_row("Bridge", bridge.uuid, "ports", "insert", row_id(port.uuid)))
    return changes


def _vlan(step: Plugged) -> int:
    """A patch port carries all VLANs, and a tunnel none."""
    return step.vlan if isinstance(step, AddPort) else 0


def _interface_columns(step: Plugged) -> dict[str, Any]:
    """What the step says of the interface; a MAC and an MTU it does not give stay as they are."""
    if isinstance(step, AddPatch):
        return {"type": "patch", "options": {"peer": step.peer}, "ofport_request": step.number}
    if isinstance(step, AddTunnel):
        ends = {"local_ip": step.local, "remote_ip": step.remote, "df_default": "true"}
        return {"type": "vxlan", "options": {"in_key": "flow", "out_key": "flow", **ends}}
    columns: dict[str, Any] = {"type": "internal" if step.internal else ""}
    if step.mac:
        columns["mac"] = step.mac
    if step.mtu:
        columns["mtu_request"] = step.mtu
    return columns


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Json:
    """The wanted columns that are not so, as they go over the wire."""
    return _wired({column: value for column, value in wanted.items() if found[column] != value})


def _wired(row: Mapping[str, Any]) -> Json:
    """The row as it goes over the wire."""
    return {
        column: to_map(value) if isinstance(value, dict) else value for column, value in row.items()
    }


def _unchanged(table: str, uuid: str, labels: Mapping[str, str]) -> Json:
    """Fails the transaction (`timed out`) unless the row is there with these labels."""
    return {
        "op": "wait",
        "timeout": 0,
        "table": table,
        "where": _is(uuid),
        "columns": ["external_ids"],
        "until": "==",
        "rows": [{"external_ids": to_map(labels)}],
    }


def _is(uuid: str) -> list[Any]:
    return [["_uuid", "==", row_id(uuid)]]


def _insert(table: str, name: str, row: Json) -> Json:
    return {"op": "insert", "table": table, "uuid-name": name, "row": row}


def _update(table: str, uuid: str, row: Json) -> Json:
    return {"op": "update", "table": table, "where": _is(uuid), "row": row}


def _mutate_row(table: str, uuid: str, column: str, mutator: str, value: list[str]) -> Json:
    return _mutate(table, _is(uuid), column, mutator, value)


def _mutate(table: str, where: Sequence[Any], column: str, mutator: str, value: list[str]) -> Json:
    return {
        "op": "mutate",
        "table": table,
        "where": list(where),
        "mutations": [[column, mutator, value]],
    }
