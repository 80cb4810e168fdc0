"""Drift: the plan that is not empty, the orphans, and what to do about them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from sqlmodel import Session, col, select

from backends.errors import QuarterdeckError
from backends.journal import AT_WORK, interrupted, units_of
from backends.locks import sweep
from backends.plan.converge import plan
from backends.plan.orphans import Orphan, orphans
from backends.plan.plan import Plan
from backends.records import snapshot
from backends.records.operation import Operation
from backends.records.tables import (
    FloatingIp,
    Image,
    Instance,
    Network,
    Port,
    Project,
    Router,
    Volume,
)
from backends.records.unit import Kind, Unit
from backends.services.base import Service


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs now: steps and problems by unit, and labelled things without a record."""

    plan: Plan
    orphans: tuple[Orphan, ...]

    def __bool__(self) -> bool:
        return bool(self.plan or self.orphans)


class Drift(Service):
    """What is not as it should be, over the whole cloud. For the cloud's admin."""

    def show(self) -> Difference:
        """Compare all records with the whole machine. Changes nothing."""
        with self.context.reading() as session:
            records = snapshot.read(session, self.context.settings.host)
        facts = self.context.machine.look()
        settings = self.context.settings
        return Difference(plan(records, facts, settings), tuple(orphans(records, facts, settings)))

    def repair(self, units: Collection[Unit] | None = None) -> Plan:
        """Converge what differs (or these units); returns what was planned.

        Units that a living operation works at are left to it. One that cannot be mended does not
        keep the others from it; its error is raised at the end.
        """
        self.caller.require_cloud_admin("repair")
        planned = self.context.converger.plan(units)
        with self.context.reading() as session:
            busy = busy_units(session, interrupted(session, self.context.settings.locks))
        differing = [each.unit for each in planned.units if each and each.unit not in busy]
        self.context.converge("repair", differing)
        return planned

    def recover(self) -> list[Operation]:
        """Finish or undo what processes that died had begun. Returns their operations.

        What cannot be finished now is drift, and the journal says why; no start fails for it.
        """
        if not self.caller.writes:
            return []
        locks = self.context.settings.locks
        with self.context.reading() as session:
            dead = interrupted(session, locks)
            leftover = _unfinished(session, busy_units(session, dead))
        for operation in dead:
            self.context.resume(operation)
        done = {unit for operation in dead for unit in units_of(operation)}
        with suppress(QuarterdeckError):
            self.context.converge("recover", [unit for unit in leftover if unit not in done])
        sweep(locks)
        return dead


def busy_units(session: Session, dead: Collection[Operation]) -> set[Unit]:
    """Units of operations at work in a living process: theirs to finish."""
    gone = {operation.id for operation in dead}
    rows = session.exec(select(Operation).where(col(Operation.outcome).in_(AT_WORK)))
    return {unit for row in rows if row.id not in gone for unit in units_of(row)}


def _unfinished(session: Session, busy: Collection[Unit]) -> list[Unit]:
    """Units whose record still waits to be taken away, as an undo that could not be finished."""
    units: list[Unit] = []
    for kind, table in (
        (Kind.INSTANCE, Instance),
        (Kind.VOLUME, Volume),
        (Kind.ROUTER, Router),
        (Kind.NETWORK, Network),
        (Kind.IMAGE, Image),
        (Kind.PROJECT, Project),
    ):
        gone = select(table.id).where(col(table.absent))
        units.extend(Unit(kind, id_) for id_ in session.exec(gone))
    for part in (Port, FloatingIp):
        networks = select(part.network_id).where(col(part.absent)).distinct()
        units.extend(Unit(Kind.NETWORK, id_) for id_ in session.exec(networks))
    return [unit for unit in dict.fromkeys(units) if unit not in busy]
