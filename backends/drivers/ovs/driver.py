"""Applies the steps of Open vSwitch and reads its facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from backends.drivers.ovs import changes
from backends.drivers.ovs.conntrack import forget
from backends.drivers.ovs.counters import Counters, read_counters
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, LEARNED, OvsBridge, OvsFacts, is_bare_tap
from backends.drivers.ovs.flows import read_canaries, write_flows
from backends.drivers.ovs.meters import read_meters, remove_meters, write_meters
from backends.drivers.ovs.openflow import count_flows
from backends.drivers.ovs.ovsdb import DatabaseRefused, Json, Ovsdb
from backends.drivers.ovs.sets import write_sets
from backends.drivers.ovs.steps import (
    AddBridge,
    AddPatch,
    AddPort,
    AddTunnel,
    ForgetConnections,
    RemoveBridge,
    RemoveMeters,
    RemovePort,
    WriteFlows,
    WriteFlowSets,
    WriteMeters,
)
from backends.drivers.ovs.tables import (
    BridgeRow,
    PortRow,
    find_bridge,
    find_port,
    read_all,
    select,
)
from backends.drivers.step import Progress, Step
from backends.errors import MachineFailed, Refused
from backends.hosts import Host
from backends.settings import Settings

# Seconds that ovs-vswitchd has to apply a change of its database.
_SETTLE = 20.0
_ATTEMPTS = 5


class OvsDriver:
    """The bridges, ports and flows of one cloud. Nothing that it did not label is changed."""

    handles: tuple[type, ...] = (
        AddBridge,
        RemoveBridge,
        AddPort,
        AddPatch,
        AddTunnel,
        RemovePort,
        WriteFlows,
        WriteFlowSets,
        ForgetConnections,
        WriteMeters,
        RemoveMeters,
    )

    def __init__(self, settings: Settings, host: Host, database: Ovsdb | None = None) -> None:
        self._settings = settings
        self._host = host
        self._database = database or Ovsdb(settings.ovs_run)

    def facts(self, *, flows: bool = False) -> OvsFacts:
        """All bridges and ports, strangers' too; with `flows`, the canaries of our bridges as well.

        Raises MachineFailed `ovs.unreachable`, `ovs.switch.unreachable`.
        """
        facts = read_all(self._database)
        if not flows:
            return facts
        seen = {
            name: self._canaries(bridge)
            for name, bridge in facts.bridges.items()
            if bridge.labels.get(CLOUD) == self._settings.cloud
        }
        return replace(facts, bridges={**facts.bridges, **seen})

    def counters(self) -> dict[int, Counters]:
        """What the flows of our bridge let through and dropped, by a port's OpenFlow number."""
        return read_counters(self._host, self._settings.bridge, self._settings.ovs_run)

    def _canaries(self, bridge: OvsBridge) -> OvsBridge:
        run = self._settings.ovs_run
        canary, sets = read_canaries(bridge.name, run)
        # What the switch itself learned on the tunnels' bridge comes and goes.
        learns = bridge.name == self._settings.tunnel_bridge
        mask = LEARNED if learns else 0
        count = count_flows(bridge.name, run=run, zeros=mask) if sets else 0
        meters = read_meters(bridge.name, run)
        return replace(bridge, flows=canary, sets=sets, flow_count=count, meters=meters)

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step.

        Raises Refused `ovs.foreign` (not of this cloud), `host.readonly`; MachineFailed
        `ovs.unreachable`, `ovs.refused`, `ovs.busy`, `ovs.switch.stuck`, `ovs.port.failed`,
        `ovs.bridge.missing`, `ovs.flows.refused`, `ovs.switch.unreachable`,
        `ovs.switch.refused`.
        """
        if self._host.read_only:
            raise Refused("host.readonly", f"read-only: would {step.text}")
        run = self._settings.ovs_run
        match step:
            case AddBridge():
                self._commit(lambda: self._add_bridge(step))
            case RemoveBridge():
                self._commit(lambda: self._remove_bridge(step))
            case AddPort():
                self._commit(lambda: self._add_port(step))
                self._check_port(step)
            case AddPatch() | AddTunnel():
                self._commit(lambda: self._add_link(step))
            case RemovePort():
                self._commit(lambda: self._remove_port(step))
            case WriteFlows():
                self._own_bridge(step.bridge)
                write_flows(self._host, step.bridge, step.cookie, step.flows, run)
            case WriteFlowSets():
                self._own_bridge(step.bridge)
                write_sets(self._host, step.bridge, step.sets, step.swept, run)
            case WriteMeters():
                self._own_bridge(step.bridge)
                write_meters(self._host, step.bridge, dict(step.meters), run)
            case RemoveMeters():
                self._own_bridge(step.bridge)
                remove_meters(self._host, step.bridge, step.numbers, run)
            case ForgetConnections():
                forget(step.zone, self._settings.datapath, run)
            case _:
                raise TypeError(f"not a step of Open vSwitch: {step!r}")

    def _add_bridge(self, step: AddBridge) -> list[Json]:
        bridge = find_bridge(self._database, step.name)
        if bridge is not None:
            self._must_be_ours("bridge", step.name, bridge.labels)
        return changes.add_bridge(step, bridge)

    def _remove_bridge(self, step: RemoveBridge) -> list[Json]:
        bridge = find_bridge(self._database, step.name)
        if bridge is None:
            return []
        self._must_be_ours("bridge", step.name, bridge.labels)
        for port in read_all(self._database).ports.values():
            # The bridge's own port carries its name and no label.
            if port.bridge == step.name != port.name and not is_bare_tap(port.name, port.labels):
                self._must_be_ours("port", port.name, port.labels)
        return changes.remove_bridge(bridge)

    def _add_port(self, step: AddPort) -> list[Json]:
        bridge = self._own_bridge(step.bridge)
        port = find_port(self._database, step.name)
        if port is not None and not _plugged_for(step, bridge, port):
            self._must_be_ours("port", step.name, port.interface.labels)
        return changes.add_port(step, bridge, port)

    def _add_link(self, step: AddPatch | AddTunnel) -> list[Json]:
        bridge = self._own_bridge(step.bridge)
        port = find_port(self._database, step.name)
        if port is not None:
            self._must_be_ours("port", step.name, port.interface.labels)
        return changes.add_port(step, bridge, port)

    def _remove_port(self, step: RemovePort) -> list[Json]:
        port = find_port(self._database, step.name)
        if port is None:
            return []
        labels = port.interface.labels
        if port.bridge is not None and is_bare_tap(step.name, labels):
            self._must_be_ours("bridge", port.bridge.name, port.bridge.labels)
        else:
            self._must_be_ours("port", step.name, labels)
        return changes.remove_port(port)

    def _own_bridge(self, name: str) -> BridgeRow:
        bridge = find_bridge(self._database, name)
        if bridge is None:
            raise MachineFailed("ovs.bridge.missing", f"there is no bridge {name}; repair the host")
        self._must_be_ours("bridge", name, bridge.labels)
        return bridge

    def _must_be_ours(self, kind: str, name: str, labels: Mapping[str, str]) -> None:
        if labels.get(CLOUD) != self._settings.cloud:
            raise Refused(
                "ovs.foreign",
                f"{kind} {name} does not carry the label of cloud {self._settings.cloud} and is"
                " left alone; rename or remove it yourself",
            )

    def _check_port(self, step: AddPort) -> None:
        """An internal port exists as soon as it is applied; a tap may come after its port."""
        port = find_port(self._database, step.name) if step.internal else None
        if port is not None and port.interface.ofport < 0:
            reason = port.interface.error or "no reason given"
            raise MachineFailed(
                "ovs.port.failed", f"Open vSwitch could not make port {step.name}: {reason}"
            )

    def _commit(self, plan: Callable[[], list[Json]]) -> None:
        """Do what `plan` says; plan anew where another writer came between look and change."""
        for _ in range(_ATTEMPTS):
            try:
                self._transact(plan())
            except DatabaseRefused as error:
                if error.kind != "timed out":
                    raise
            else:
                return
        raise MachineFailed("ovs.busy", "others keep changing Open vSwitch; try again")

    def _transact(self, operations: list[Json]) -> None:
        """Change the database and wait until the switch has followed, as ovs-vsctl(8) does.

        A change asks for configuration `next_cfg` + 1; ovs-vswitchd writes `cur_cfg` when it is so.
        """
        ask = {
            "op": "mutate",
            "table": "Open_vSwitch",
            "where": [],
            "mutations": [["next_cfg", "+=", 1]],
        }
        operations = [*operations, ask] if operations else []
        with self._database.connect() as connection:
            results = connection.transact([*operations, select("Open_vSwitch", ["next_cfg"])])
            wanted = results[-1]["rows"][0]["next_cfg"]
            applied = {
                "op": "wait",
                "timeout": int(_SETTLE * 1000),
                "table": "Open_vSwitch",
                "where": [["cur_cfg", ">=", wanted]],
                "columns": ["cur_cfg"],
                "until": "!=",
                "rows": [],
            }
            try:
                connection.transact([applied], timeout=_SETTLE + 5)
            except DatabaseRefused as error:
                if error.kind != "timed out":
                    raise
                raise MachineFailed(
                    "ovs.switch.stuck",
                    f"ovs-vswitchd has not applied a change within {_SETTLE:g} s; see that it runs",
                ) from None


def _plugged_for(step: AddPort, bridge: BridgeRow, port: PortRow) -> bool:
    """Whether libvirt plugged the port on our bridge for the very record that the step is about."""
    wanted = dict(step.labels).get(IFACE_ID)
    found = port.interface.labels
    on_bridge = port.bridge is not None and port.bridge.uuid == bridge.uuid
    return bool(wanted) and on_bridge and found.get(IFACE_ID) == wanted and CLOUD not in found
