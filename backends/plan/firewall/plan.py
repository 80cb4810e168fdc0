"""What has to be written, swept and forgotten for the flows to be what the records say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from backends.drivers.facts import Facts
from backends.drivers.ovs.facts import Meter, OvsBridge
from backends.drivers.ovs.steps import (
    FlowSet,
    ForgetConnections,
    RemoveMeters,
    WriteFlowSets,
    WriteMeters,
)
from backends.drivers.step import Step
from backends.plan import tunnel, tunnel_flows
from backends.plan.firewall import sets
from backends.plan.firewall.wanted import Wanted
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that write the sets that differ, and sweep what nobody wants, in one change a bridge.

    Ports of tunnels get their numbers from the switch: flows are planned once they have them.
    """
    first = tuple(tunnel.prepare(records, facts.ovs, settings))
    if first and tunnel.is_wanted(records):
        return UnitPlan(unit, first, settles=True)
    steps = [*first]
    if tunnel.is_wanted(records):
        there = tunnel_flows.wanted(records, facts.ovs, settings)
        steps += _write(settings.tunnel_bridge, there, facts, tunnel_flows.gone_with)[1]
    plugged = sets.plugs(records, facts.ovs, settings)
    here = sets.wanted(plugged, records, facts.ovs, settings)
    gone, write = _write(settings.bridge, here, facts)
    limit, free = _meters(settings.bridge, sets.meters(plugged, records), facts)
    steps += [*_forget(gone), *limit, *write, *free, *tunnel.finish(records, facts.ovs, settings)]
    return UnitPlan(unit, tuple(steps))


def _write(
    name: str,
    wanted: Sequence[Wanted],
    facts: Facts,
    gone_with: Callable[[int], Iterable[int]] = lambda owner: (),
) -> tuple[Mapping[int, int], list[Step]]:
    """The sets that are to be swept whole, by owner, and what writes and sweeps."""
    bridge = facts.ovs.bridges.get(name)
    if bridge is None or _is_lost(bridge, wanted):
        return {}, [WriteFlowSets(name, _spelled(wanted), None)]
    found = bridge.sets
    changed = tuple(each for each in wanted if found.get(each.owner) != each.cookie)
    kept = {each.owner for each in wanted}
    gone = {owner: cookie for owner, cookie in found.items() if owner not in kept}
    if not changed and not gone:
        return gone, []
    old = {found[each.owner] for each in changed if each.owner in found} | set(gone.values())
    old.update(cookie for owner in gone for cookie in gone_with(owner))
    return gone, [WriteFlowSets(name, _spelled(changed), tuple(sorted(old)))]


def _meters(name: str, wanted: Mapping[int, Meter], facts: Facts) -> tuple[list[Step], list[Step]]:
    """What comes before the flows that use meters, and what after those that did."""
    bridge = facts.ovs.bridges.get(name)
    found = bridge.meters if bridge is not None else {}
    changed = tuple(sorted((id_, each) for id_, each in wanted.items() if found.get(id_) != each))
    gone = tuple(sorted(found.keys() - wanted.keys()))
    limit: list[Step] = [WriteMeters(name, changed)] if changed else []
    return limit, [RemoveMeters(name, gone)] if gone else []


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
