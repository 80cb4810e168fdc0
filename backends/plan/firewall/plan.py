"""What has to be written, swept and forgotten for the flows to be what the records say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from backends.drivers.facts import Facts
from backends.drivers.ovs.facts import OvsBridge
from backends.drivers.ovs.steps import FlowSet, ForgetConnections, WriteFlowSets
from backends.drivers.step import Step
from backends.plan.firewall import sets
from backends.plan.firewall.wanted import Wanted
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that write the sets that differ, and sweep what nobody wants, in one change."""
    plugged = sets.plugs(records, facts.ovs, settings)
    wanted = sets.wanted(plugged, records, facts.ovs, settings)
    bridge = facts.ovs.bridges.get(settings.bridge)
    found = bridge.sets if bridge is not None else {}
    if bridge is None or _is_lost(bridge, wanted):
        return UnitPlan(unit, (WriteFlowSets(settings.bridge, _spelled(wanted), None),))
    changed = tuple(each for each in wanted if found.get(each.owner) != each.cookie)
    kept = {each.owner for each in wanted}
    gone = {owner: cookie for owner, cookie in found.items() if owner not in kept}
    if not changed and not gone:
        return UnitPlan(unit)
    old = {found[each.owner] for each in changed if each.owner in found} | set(gone.values())
    write = WriteFlowSets(settings.bridge, _spelled(changed), tuple(sorted(old)))
    return UnitPlan(unit, (*_forget(gone), write))


def _spelled(wanted: Iterable[Wanted]) -> tuple[FlowSet, ...]:
    return tuple(each.flow_set() for each in wanted)


def _is_lost(bridge: OvsBridge, wanted: Sequence[Wanted]) -> bool:
    """Whether there is nothing to build on: no base, or not as many flows as were written."""
    if sets.BASE not in bridge.sets:
        return True
    if bridge.sets != {each.owner: each.cookie for each in wanted}:
        return False
    # Each set has its canary besides.
    return bridge.flow_count != sum(each.count + 1 for each in wanted)


def _forget(gone: Mapping[int, int]) -> list[Step]:
    """The connections of networks that are gone: another network may have their zone next."""
    zones = (sets.zone_of(owner) for owner in sorted(gone))
    return [ForgetConnections(zone) for zone in zones if zone is not None]
