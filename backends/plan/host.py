"""The host: its integration bridge, the bridge's flows, the cloud's label."""

from __future__ import annotations

import hashlib

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import WriteLabel
from backends.drivers.ovs.facts import CLOUD, KIND
from backends.drivers.ovs.steps import AddBridge, WriteFlows
from backends.drivers.step import Step
from backends.plan import labels
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings

# Neutron's numbers (its Open vSwitch agent design): 0 local, 23 canary, 60 transient, 94 NORMAL.
BASE_FLOWS = (
    "table=0,priority=0,actions=resubmit(,60)",
    "table=60,priority=0,actions=resubmit(,94)",
    "table=94,priority=0,actions=NORMAL",
)


def cookie(flows: tuple[str, ...]) -> int:
    """A flow set's cookie: 63 bits of its digest, never 0."""
    return int.from_bytes(hashlib.sha256("\n".join(flows).encode()).digest()[:8]) >> 1 | 1


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that bring the bridge, its flows and the cloud's label in order."""
    steps: list[Step] = []
    owner = ((CLOUD, settings.cloud), (KIND, "bridge"))
    bridge = facts.ovs.bridges.get(settings.bridge)
    if (
        bridge is None
        or bridge.fail_mode != "secure"
        or bridge.datapath != settings.datapath
        or any(bridge.labels.get(key) != value for key, value in owner)
    ):
        steps.append(AddBridge(settings.bridge, settings.datapath, owner))
    wanted = cookie(BASE_FLOWS)
    if bridge is None or bridge.flows != wanted:
        steps.append(WriteFlows(settings.bridge, wanted, BASE_FLOWS))
    label = labels.cloud(records)
    if facts.labels.get(("cloud", records.cloud.id)) != label:
        steps.append(WriteLabel("cloud", records.cloud.id, label))
    return UnitPlan(unit, tuple(steps))
