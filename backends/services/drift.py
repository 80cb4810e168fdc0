"""Drift: the plan that is not empty, the orphans, and what to do about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom, doomed
from backends.drivers.facts import Facts
from backends.drivers.step import Step
from backends.drivers.volumes.steps import CopyVolume
from backends.errors import MachineFailed, NotFound, QuarterdeckError, Refused
from backends.journal import AT_WORK, interrupted, units_of
from backends.locks import orphans_lock, sweep
from backends.plan.converge import plan
from backends.plan.converge import record_of as record_for
from backends.plan.orphans import Orphan, orphans, record_of
from backends.plan.plan import Plan, Problem
from backends.records import snapshot
from backends.records.identity import Role
from backends.records.operation import Operation
from backends.records.tables import (
    Attachment,
    FloatingIp,
    Image,
    Instance,
    Network,
    Port,
    VolumeSnapshot,
)
from backends.records.unit import Kind, Unit
from backends.salvage import Report, Salvage
from backends.services.base import Service

# How long one waits for another process that is at work on the orphans, in seconds.
_PATIENCE = 120.0


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
        """Compare all records with the whole machine. Changes nothing.

        Who is not the cloud's admin sees what differs of their project, and no orphans: whose an
        orphan is stands on no record.
        """
        self.caller.require(Role.READER, "look at drift")
        records = self._records()
        facts = self.context.machine.look()
        settings = self.context.settings
        planned = plan(records, facts, settings)
        if not self.caller.admin:
            mine = self.caller.project_id
            units = (each for each in planned.units if _owner(each.unit, records) == mine)
            return Difference(Plan(tuple(units), planned.names), ())
        found = tuple(orphans(records, facts, settings))
        if found:
            # What was made between the two looks has its record by now.
            found = tuple(orphans(self._records(), facts, settings))
        return Difference(planned, found)

    def orphans(self) -> Sequence[Orphan]:
        """Labelled things without a record, in the order in which they can be taken away.

        Raises Refused `right.missing` for who is not the cloud's admin.
        """
        if not self.caller.admin:
            raise Refused("right.missing", "only the cloud's admin sees orphans")
        return self._orphans()[1]

    def repair(self, units: Collection[Unit] | None = None) -> Plan:
        """Converge what differs (or these units); returns what was planned.

        Units that a living operation works at are left to it. One that cannot be mended does not
        keep the others from it; its error is raised at the end.
        """
        self.caller.require_cloud_admin("repair")
        planned = self.context.converger.plan(units)
        with self.context.reading() as session:
            settings = self.context.settings
            busy = busy_units(session, interrupted(session, settings.locks, settings.host))
        differing = [each for each in planned.units if each and each.unit not in busy]
        touched = [each.unit for each in differing]
        # Who has a volume that moves is to start with it where it lies then.
        touched += [
            Unit(Kind.INSTANCE, step.guest)
            for each in differing
            for step in each.steps
            if isinstance(step, CopyVolume) and step.guest
        ]
        self.context.converge("repair", touched)
        return planned

    def remove_orphans(self, refs: Collection[str] | None = None) -> Sequence[Orphan]:
        """Take orphans away (all of them by default): each by `kind:id`, or all of one id.

        The machine is looked at again right before each: what has a record by then, or no label of
        ours, stays. Returns what was taken. Raises NotFound `orphan.not_found`.
        """
        self.caller.require_cloud_admin("remove orphans")
        with self._alone():
            wanted = self._wanted(refs)
            if not wanted:
                return ()
            taken: list[Orphan] = []

            def steps() -> Iterator[Step]:
                for orphan in wanted:
                    if orphan in self._orphans()[1]:
                        yield from orphan.steps
                        taken.append(orphan)

            self.context.apart("orphan.remove", self._host, _named(wanted), steps)
            return taken

    def adopt(self, refs: Collection[str] | None = None) -> Report:
        """Make records of orphans again, from their labels, with what they stand on.

        A running guest notices nothing. With no `refs`, of all that can be. Raises NotFound
        `orphan.not_found`, Refused `orphan.unreadable`, `orphan.taken`.
        """
        self.caller.require_cloud_admin("adopt orphans")
        with self._alone():
            wanted = self._wanted(refs)
            facts = self._orphans()[0]
            keys = {orphan.ref: record_of(orphan, facts) for orphan in wanted}
            for ref, key in keys.items():
                if key is None and refs is not None:
                    text = f"the label of {ref} says too little to make a record; remove it instead"
                    raise Refused("orphan.unreadable", text)

            def act(change: Change) -> Report:
                salvage = Salvage(change.session, self.context.machine, facts)
                try:
                    for key in filter(None, dict.fromkeys(keys.values())):
                        salvage.make(*key)
                except IntegrityError as error:
                    text = "another record has its place by now; see `quarterdeck drift`"
                    raise Refused("orphan.taken", text) from error
                for kind, id_ in salvage.report.things:
                    change.touch(*_units_of_label(change.session, kind, id_))
                    if kind == "network" and change.session.get_one(Network, id_).physical_network:
                        # The host's bridge carries it.
                        change.touch(self._host)
                change.about(self._host, _named(wanted))
                return salvage.report

            return self.context.perform("orphan.adopt", act, keep_going=True)

    def forget(self, units: Iterable[Unit]) -> None:
        """Remove records whose thing is lost for good, with what is left of it.

        Raises NotFound `unit.not_found`, Refused `forget.not_lost` for what is still there.
        """
        self.caller.require_cloud_admin("forget")
        wanted = list(dict.fromkeys(units))

        def act(change: Change) -> None:
            records = snapshot.read(change.session, self.context.settings.host, wanted)
            planned = self.context.converger.plan_records(records, wanted)
            lost = {each.unit for each in planned.units if any(map(_is_loss, each.problems))}
            known = {each.unit for each in planned.units}
            for unit in wanted:
                if unit not in known:
                    raise NotFound(
                        "unit.not_found", f"no record of {unit}; see `quarterdeck drift`"
                    )
                if unit not in lost:
                    text = f"{planned.names.get(unit.id, unit.id)} is not lost; delete it instead"
                    raise Refused("forget.not_lost", text)
                change.about(unit, planned.names.get(unit.id, unit.id))
                change.touch(*_let_go(change.session, unit), *doom(change.session, unit))

        self.context.perform("forget", act)

    @property
    def _host(self) -> Unit:
        return Unit(Kind.HOST, self.context.settings.host)

    def _records(self) -> snapshot.Records:
        with self.context.reading() as session:
            return snapshot.read(session, self.context.settings.host)

    def _orphans(self) -> tuple[Facts, list[Orphan]]:
        """The facts, and what of them has no record; a record is older than what it wants."""
        facts = self.context.machine.look()
        return facts, list(orphans(self._records(), facts, self.context.settings))

    def _wanted(self, refs: Collection[str] | None) -> list[Orphan]:
        found = self._orphans()[1]
        if refs is None:
            return found
        known = {name for orphan in found for name in (orphan.ref, orphan.id)}
        for ref in refs:
            if ref not in known:
                text = f"no orphan {ref!r} now; see `quarterdeck orphan list`"
                raise NotFound("orphan.not_found", text)
        return [orphan for orphan in found if orphan.ref in refs or orphan.id in refs]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody makes a record of what another takes away. Raises MachineFailed `unit.busy`."""
        lock = orphans_lock(self.context.settings.locks)
        if not lock.acquire(_PATIENCE):
            raise MachineFailed("unit.busy", "another process is at work on the orphans")
        try:
            yield
        finally:
            lock.release()

    def recover(self) -> list[Operation]:
        """Finish or undo what processes that died had begun. Returns their operations.

        What cannot be finished now is drift, and the journal says why; no start fails for it.
        """
        if not self.caller.writes:
            return []
        locks = self.context.settings.locks
        with self.context.reading() as session:
            dead = interrupted(session, locks, self.context.settings.host)
            busy = busy_units(session, dead)
            leftover = [unit for unit in doomed(session) if unit not in busy]
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


def _named(found: Collection[Orphan]) -> str:
    """What the journal calls them."""
    first, *more = (orphan.ref for orphan in found) if found else ("nothing",)
    return f"{first} and {len(more)} more" if more else first


def _owner(unit: Unit, records: snapshot.Records) -> str | None:
    """The project that a unit belongs to; None for the host's own."""
    if unit.kind is Kind.PROJECT:
        return unit.id
    return getattr(record_for(unit, records), "project_id", None)


def _is_loss(problem: Problem) -> bool:
    return problem.code.endswith(".lost")


def _let_go(session: Session, unit: Unit) -> list[Unit]:
    """Whatever refers to a lost thing does so no more; returns the units that this concerns."""
    units: list[Unit] = []
    if unit.kind is Kind.VOLUME:
        kept = select(VolumeSnapshot).where(VolumeSnapshot.volume_id == unit.id)
        if session.exec(kept).first() is not None:
            text = "its snapshots are there: `volume revert` brings it back from the newest one"
            raise Refused("forget.snapshots", text)
        for row in session.exec(select(Attachment).where(Attachment.volume_id == unit.id)):
            row.absent = True
            units.append(Unit(Kind.INSTANCE, row.instance_id))
    elif unit.kind is Kind.IMAGE:
        for guest in session.exec(select(Instance).where(Instance.image_id == unit.id)):
            guest.image_id = guest.base_id = guest.leaving_id = None
            units.append(Unit(Kind.INSTANCE, guest.id))
        for column in ("kernel_id", "ramdisk_id"):
            for image in session.exec(select(Image).where(getattr(Image, column) == unit.id)):
                setattr(image, column, None)
                units.append(Unit(Kind.IMAGE, image.id))
    return units


def _units_of_label(session: Session, kind: str, id_: str) -> list[Unit]:
    """The units that converge a thing with a label of its own."""
    table: Any = {"port": Port, "floatingip": FloatingIp}.get(kind)
    if table is None:
        return [Unit(Kind(kind), id_)]
    row = session.get_one(table, id_)
    units = [Unit(Kind.NETWORK, row.network_id)]
    if kind == "floatingip" and row.router_id:
        units.append(Unit(Kind.ROUTER, row.router_id))
    return units
