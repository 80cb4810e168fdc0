"""Converge: make the machine what the records say, one unit at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from backends.drivers.facts import Facts
from backends.drivers.machine import LabelKeys, Machine
from backends.drivers.step import Step
from backends.errors import Cancelled, MachineFailed, QuarterdeckError
from backends.journal import Journal
from backends.locks import unit_lock
from backends.plan.converge import is_here, order, plan_unit, record_of
from backends.plan.converge import plan as plan_all
from backends.plan.names import names, readable
from backends.plan.plan import FollowGuest, Plan
from backends.records import snapshot
from backends.records.instance import Power
from backends.records.snapshot import Records
from backends.records.store import Store
from backends.records.tables import Instance
from backends.records.unit import Kind, Unit
from backends.settle import settle

# How long one waits for another process that converges the same unit, in seconds.
_PATIENCE = 120.0
_PASSES = 3


class Converger:
    """Plans from the store's records and the machine's facts, and applies what it planned."""

    def __init__(self, store: Store, machine: Machine) -> None:
        self.store = store
        self.machine = machine
        self.settings = machine.settings

    def plan(self, units: Collection[Unit] | None = None) -> Plan:
        """What a converge of these units (or of everything) would do now."""
        with self.store.read() as session:
            records = snapshot.read(session, self.settings.host, units)
        return self.plan_records(records, units)

    def plan_records(self, records: Records, units: Collection[Unit] | None = None) -> Plan:
        """The same from records at hand, also such as are not in the store yet."""
        return plan_all(records, self._facts(records, units), self.settings, units)

    def converge(
        self,
        units: Collection[Unit],
        journal: Journal,
        *,
        keep_going: bool = False,
        fresh: Collection[Unit] = (),
    ) -> None:
        """Bring the units in order, each under its lock.

        `fresh` are units of this operation's own making: what is to be made of them is not there
        yet. A verb stops at the first error. A repair (`keep_going`) does what it can of the other
        units and raises the error at the end. Raises the first error a step raised, MachineFailed
        with a problem's code where one stands in the way, MachineFailed `unit.busy` when another
        process holds a unit for too long.
        """
        with self.store.read() as session:
            # The firewall hangs on everything, but its place is known without a look at it.
            looked_at = [unit for unit in units if unit.kind is not Kind.FIREWALL]
            records = snapshot.read(session, self.settings.host, looked_at)
            # What is on another host is left to its converge, which the records tell enough.
            ordered = [unit for unit in order(records, units) if is_here(unit, records)]
        failed: QuarterdeckError | None = None
        for unit in ordered:
            try:
                with self._held(unit):
                    self._converge_unit(unit, journal, fresh=unit in fresh)
            except Cancelled:
                raise
            except QuarterdeckError as error:
                if not keep_going:
                    raise
                failed = failed or error
        if failed is not None:
            raise failed

    @contextmanager
    def _held(self, unit: Unit) -> Iterator[None]:
        lock = unit_lock(self.settings.locks, unit)
        if not lock.acquire(_PATIENCE):
            text = f"another process is at work on {unit}; see `quarterdeck operation list`"
            raise MachineFailed("unit.busy", text)
        try:
            yield
        finally:
            lock.release()

    def _converge_unit(self, unit: Unit, journal: Journal, *, fresh: bool) -> None:
        # What a record learns can bring steps of its own: an image's label has its checksum.
        for number in range(_PASSES):
            with self.store.read() as session:
                records = snapshot.read(session, self.settings.host, [unit])
            # Nothing can have an id that was not there a moment ago; its step finds out if so.
            unseen = fresh and number == 0
            facts = Facts() if unseen else self._facts(records, [unit])
            planned = plan_unit(unit, records, facts, self.settings)
            if planned is None:
                return
            named = names(records) if planned.steps else {}
            for step in planned.steps:
                self._apply(unit, step, journal, readable(step.text, named))
            if planned.removes or planned.settles:
                with self.store.write() as session:
                    settle(session, planned, self.machine)
            for problem in planned.problems:
                raise MachineFailed(problem.code, problem.text)
            if planned.final or not planned.settles:
                return

    def _apply(self, unit: Unit, step: Step, journal: Journal, text: str) -> None:
        journal.start(unit, text)
        try:
            if isinstance(step, FollowGuest):
                self._follow(step)
            else:
                self.machine.apply(step, journal.progress)
        except QuarterdeckError as error:
            journal.end(error)
            raise
        journal.end()

    def _follow(self, step: FollowGuest) -> None:
        with self.store.write() as session:
            instance = session.get(Instance, step.instance_id)
            if instance is not None:
                instance.power = Power.STOPPED

    def _facts(self, records: Records, units: Collection[Unit] | None) -> Facts:
        if units is None:
            return self.machine.look()
        return self.machine.look_at(units, label_keys(records, units))


def label_keys(records: Records, units: Collection[Unit]) -> LabelKeys:
    """The label files that these units have."""
    keys: set[tuple[str, str]] = set()
    for unit in units:
        if unit.kind is Kind.HOST:
            keys.add(("cloud", records.cloud.id))
        elif record_of(unit, records) is not None:
            keys.add((unit.kind.value, unit.id))
        if unit.kind in (Kind.VOLUME, Kind.SNAPSHOT, Kind.BACKUP):
            keys |= {("pool", id_) for id_ in records.pools}
        if unit.kind is Kind.NETWORK:
            keys |= {("port", port.id) for port in records.ports_on.get(unit.id, ())}
            keys |= {("floatingip", row.id) for row in records.floats_on.get(unit.id, ())}
    return keys
