"""The host: its integration bridge, the cloud's label."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import WriteLabel
from backends.drivers.ovs.facts import CLOUD, KIND, ZONE_SLOT
from backends.drivers.ovs.steps import AddBridge
from backends.drivers.step import Step
from backends.plan import labels, provider
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that bring the bridge and the cloud's label in order."""
    steps: list[Step] = []
    slot = str(settings.zone_slot)
    owner = ((CLOUD, settings.cloud), (KIND, "bridge"), (ZONE_SLOT, slot))
    bridge = facts.ovs.bridges.get(settings.bridge)
    if (
        bridge is None
        or bridge.fail_mode != "secure"
        or bridge.datapath != settings.datapath
        or any(bridge.labels.get(key) != value for key, value in owner)
    ):
        steps.append(AddBridge(settings.bridge, settings.datapath, owner))
    steps += provider.steps(records, facts, settings)
    label = labels.cloud(records)
    if facts.labels.get(("cloud", records.cloud.id)) != label:
        steps.append(WriteLabel("cloud", records.cloud.id, label))
    return UnitPlan(unit, tuple(steps))
