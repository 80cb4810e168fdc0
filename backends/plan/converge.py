"""The whole plan: every unit's, in the order in which they stand on each other."""

from __future__ import annotations

from collections.abc import Callable, Collection

from backends.drivers.facts import Facts
from backends.plan import (
    backup,
    host,
    image,
    instance,
    network,
    pool,
    project,
    router,
    snapshot,
    volume,
)
from backends.plan.firewall import plan as firewall
from backends.plan.names import names
from backends.plan.plan import Plan, UnitPlan
from backends.records.snapshot import Records
from backends.records.unit import Kind, Unit
from backends.settings import Settings

_PLANNERS: dict[Kind, Callable[[Unit, Records, Facts, Settings], UnitPlan]] = {
    Kind.HOST: host.plan,
    Kind.PROJECT: project.plan,
    Kind.IMAGE: image.plan,
    Kind.NETWORK: network.plan,
    Kind.ROUTER: router.plan,
    Kind.POOL: pool.plan,
    Kind.VOLUME: volume.plan,
    Kind.SNAPSHOT: snapshot.plan,
    Kind.BACKUP: backup.plan,
    Kind.INSTANCE: instance.plan,
    Kind.FIREWALL: firewall.plan,
}
_TABLES = {kind: f"{kind.value}s" for kind in Kind}
# Units of which every host has one, and no record of their own.
_OF_HOST = (Kind.HOST, Kind.FIREWALL)
_RANK = {kind: rank for rank, kind in enumerate(Kind)}


def plan_unit(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan | None:
    """The plan of one unit; None where there is no record of it."""
    if unit.kind not in _OF_HOST and record_of(unit, records) is None:
        return None
    return _PLANNERS[unit.kind](unit, records, facts, settings)


def plan(
    records: Records, facts: Facts, settings: Settings, units: Collection[Unit] | None = None
) -> Plan:
    """The plan of these units, or of every unit. Pure."""
    wanted = order(records, records.units() if units is None else units)
    wanted = [unit for unit in wanted if is_here(unit, records)]
    plans = (plan_unit(unit, records, facts, settings) for unit in wanted)
    return Plan(tuple(each for each in plans if each is not None), names(records))


def order(records: Records, units: Collection[Unit]) -> list[Unit]:
    """Instances that go come first, then what stays from the ground up, then what else goes.

    A network that a port leaves waits until the guest let go of it.
    Flows follow whatever was plugged, moved or taken away, so the firewall is the last.
    """

    left = {port.network_id for port in records.ports.values() if port.leaving}

    def key(unit: Unit) -> tuple[int, int, str]:
        rank = _RANK[unit.kind]
        if unit.kind is Kind.FIREWALL:
            return (3, rank, unit.id)
        if not (_absent(unit, records) or (unit.kind is Kind.NETWORK and unit.id in left)):
            return (1, rank, unit.id)
        return (0 if unit.kind is Kind.INSTANCE else 2, -rank, unit.id)

    return sorted(set(units), key=key)


def is_here(unit: Unit, records: Records) -> bool:
    """Whether this host converges the unit, and not another one of the cloud's."""
    if unit.kind in _OF_HOST:
        return unit.id == records.host
    return records.is_here(getattr(record_of(unit, records), "host", ""))


def record_of(unit: Unit, records: Records) -> object | None:
    """The unit's own record, or None."""
    if unit.kind in _OF_HOST:
        return None
    table: dict[str, object] = getattr(records, _TABLES[unit.kind])
    return table.get(unit.id)


def _absent(unit: Unit, records: Records) -> bool:
    return bool(getattr(record_of(unit, records), "absent", False))
