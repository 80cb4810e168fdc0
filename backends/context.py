"""What every service works with: the store, the machine, the caller, and the one way to change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sqlmodel import Session, col, select

from backends.caller import Caller
from backends.doom import doom, is_doomed, is_gone
from backends.drivers.machine import Machine
from backends.drivers.step import Step
from backends.errors import Cancelled, HalfDone, QuarterdeckError
from backends.journal import AT_WORK, Journal, units_of
from backends.plan.plan import Plan, UnitPlan
from backends.records import snapshot
from backends.records.base import now
from backends.records.network import OWNER_GATEWAY, OWNER_ROUTER, Port
from backends.records.operation import Operation, Outcome
from backends.records.store import Store
from backends.records.unit import Kind, Unit
from backends.settings import Settings

if TYPE_CHECKING:
    from backends.converge import Converger

T = TypeVar("T")
# Called with the operation's id, once it is in the journal.
Started = Callable[[str], None]

DEADLINE = 600.0  # seconds that an operation may take, unless its verb says otherwise
_UNDO = 120.0  # seconds that undoing one may take


@dataclass(slots=True)
class Change:
    """One verb's transaction: what it touches and what it makes."""

    session: Session
    units: list[Unit] = field(default_factory=list)
    made: list[Unit] = field(default_factory=list)
    # What makes the records again what they were, for a verb that makes nothing but can be refused
    # by the machine: a guest may keep a disk.
    revert: Callable[[Session], None] | None = None
    target: Unit | None = None
    target_name: str = ""

    def touch(self, *units: Unit) -> None:
        """These units are to be converged after the transaction."""
        self.units.extend(unit for unit in units if unit not in self.units)

    def make(self, unit: Unit, name: str) -> None:
        """This unit is made by the verb, and taken away again if the verb fails."""
        self.about(unit, name)
        self.made.append(unit)
        self.touch(unit)

    def about(self, unit: Unit, name: str) -> None:
        """What the operation's row names as its target."""
        self.target, self.target_name = unit, name


# What moves ports, and with them the flows between them.
_PLUGGING = frozenset({Kind.HOST, Kind.NETWORK, Kind.ROUTER, Kind.INSTANCE})
# What changes nothing that an instance's guest is told of itself.
_POWER_VERBS = frozenset(
    f"instance.{verb}"
    for verb in ("start", "stop", "reboot", "pause", "unpause", "suspend", "resume")
)


def following(session: Session, verb: str, units: Iterable[Unit], host: str) -> list[Unit]:
    """What has to be converged with these units.

    The firewall, where they move ports; the networks of routers and of instances that change, as
    guests ask there for their metadata; the routers that advertise a subnet that changes.
    """
    units = list(units)
    devices = [unit.id for unit in units if unit.kind is Kind.ROUTER]
    if verb not in _POWER_VERBS:
        devices += [unit.id for unit in units if unit.kind is Kind.INSTANCE]
    found: list[Unit] = []
    if devices:
        query = select(Port.network_id).where(
            col(Port.device_id).in_(devices), col(Port.device_owner) != OWNER_GATEWAY
        )
        found += [Unit(Kind.NETWORK, id_) for id_ in session.exec(query)]
    if verb.startswith("subnet."):
        networks = [unit.id for unit in units if unit.kind is Kind.NETWORK]
        gates = select(Port.device_id).where(
            col(Port.network_id).in_(networks), Port.device_owner == OWNER_ROUTER
        )
        found += [Unit(Kind.ROUTER, id_) for id_ in session.exec(gates)]
    if any(unit.kind in _PLUGGING for unit in units):
        found.append(Unit(Kind.FIREWALL, host))
    return found


class _Previewed(Exception):
    """Carries a plan out of a verb that is not to be done."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan


class Context:
    """A caller at work on a cloud. Safe to use from several threads."""

    def __init__(self, store: Store, machine: Machine, caller: Caller) -> None:
        self.store = store
        self.machine = machine
        self.caller = caller
        self._local = threading.local()

    @property
    def settings(self) -> Settings:
        return self.machine.settings

    @cached_property
    def converger(self) -> Converger:
        """What plans and applies. Imported when there is something to converge."""
        from backends.converge import Converger

        return Converger(self.store, self.machine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for a verb that only reads."""
        with self.store.read() as session:
            yield session

    def perform(
        self,
        verb: str,
        act: Callable[[Change], T],
        *,
        deadline: float = DEADLINE,
        keep_going: bool = False,
    ) -> T:
        """Do a verb: records and operation in one transaction, then converge.

        `act` checks and writes the records. What a failed verb had made is taken away again;
        `keep_going` does what can be done of the other units first.
        Raises what `act` raises (nothing is changed then), and what converging raises.
        """
        journal: Journal | None = None
        with ExitStack() as held:
            with self.store.write() as session:
                change = Change(session)
                result = act(change)
                change.touch(*following(session, verb, change.units, self.settings.host))
                session.flush()
                if getattr(self._local, "preview", False):
                    raise _Previewed(self._planned(change))
                if change.units:
                    operation = self._operation(verb, change, deadline)
                    session.add(operation)
                    # Held before anybody can see the row: a row without a holder was interrupted.
                    journal = Journal(self.store, operation, self.settings.locks)
                    held.enter_context(journal)
            if journal is not None:
                self._carry_out(journal, change, keep_going)
        return result

    def once(self, verb: str, unit: Unit, name: str, step: Step) -> None:
        """Do one step that no record asks for, noted in the journal. Raises what applying it does.

        `unit` is what it is about, `name` what the journal calls it.
        """
        self.apart(verb, unit, name, lambda: (step,))

    def apart(self, verb: str, unit: Unit, name: str, steps: Callable[[], Iterable[Step]]) -> None:
        """Do steps that no record asks for, as one operation. Raises what applying one does.

        `steps` may look at the machine again before each that it gives.
        """
        if getattr(self._local, "preview", False):
            raise _Previewed(Plan((UnitPlan(unit, tuple(steps())),)))
        with ExitStack() as held:
            with self.store.write() as session:
                change = Change(session)
                change.about(unit, name)
                operation = self._operation(verb, change, DEADLINE)
                session.add(operation)
                journal = Journal(self.store, operation, self.settings.locks)
                held.enter_context(journal)
            try:
                for step in steps():
                    journal.start(unit, step.text)
                    self._apply(step, journal)
            except QuarterdeckError as error:
                cancelled = isinstance(error, Cancelled)
                journal.close(Outcome.CANCELLED if cancelled else Outcome.FAILED, error)
                raise
            journal.close(Outcome.DONE)

    def _apply(self, step: Step, journal: Journal) -> None:
        try:
            self.machine.apply(step, journal.progress)
        except QuarterdeckError as error:
            journal.end(error)
            raise
        journal.end()

    def preview(self, verb: Callable[[], object]) -> Plan:
        """The plan of a verb that is not done: its transaction is rolled back."""
        self._local.preview = True
        try:
            verb()
        except _Previewed as previewed:
            return previewed.plan
        finally:
            self._local.preview = False
        return Plan()

    @contextmanager
    def on_start(self, callback: Started) -> Iterator[None]:
        """Tell `callback` the id of each operation that this thread begins."""
        self._local.started = callback
        try:
            yield
        finally:
            self._local.started = None

    def converge(self, verb: str, units: Iterable[Unit], *, deadline: float = DEADLINE) -> None:
        """Converge units as an operation of its own (repair, resume)."""
        wanted = list(units)
        if wanted:
            self.perform(
                verb, lambda change: change.touch(*wanted), deadline=deadline, keep_going=True
            )

    def resume(self, operation: Operation) -> None:
        """Finish or undo what a process that died had begun; the journal says how it ended."""
        units = list(units_of(operation))
        made = [Unit.parse(operation.target)] if operation.creates else []
        with Journal(self.store, operation, self.settings.locks) as journal:
            found = journal.reopen(DEADLINE)
            if found not in AT_WORK:
                return
            if not units:
                # Steps that no record asked for are nobody's to finish.
                journal.close(Outcome.INTERRUPTED)
                return
            if made and found is Outcome.CANCELLING:
                self._undo(journal, units, made, Cancelled(operation.verb))
                return
            with self.store.read() as session:
                undone = any(is_doomed(session, unit) for unit in made)
            try:
                self.converger.converge(units, journal, keep_going=True)
            except QuarterdeckError as error:
                self._give_up(journal, units, made, error)
            else:
                journal.close(Outcome.UNDONE if undone else Outcome.DONE)

    def _planned(self, change: Change) -> Plan:
        records = snapshot.read(change.session, self.settings.host, change.units)
        return self.converger.plan_records(records, change.units)

    def _operation(self, verb: str, change: Change, deadline: float) -> Operation:
        return Operation(
            verb=verb,
            target=str(change.target) if change.target else "",
            target_name=change.target_name,
            user=self.caller.user,
            project_id=self.caller.project_id or None,
            units=[str(unit) for unit in change.units],
            creates=bool(change.made),
            host=self.settings.host,
            deadline=now() + deadline,
        )

    def _carry_out(self, journal: Journal, change: Change, keep_going: bool) -> None:
        started: Started | None = getattr(self._local, "started", None)
        if started is not None:
            started(journal.operation.id)
        try:
            self.converger.converge(change.units, journal, keep_going=keep_going, fresh=change.made)
        except QuarterdeckError as error:
            if change.revert is None or isinstance(error, HalfDone):
                self._give_up(journal, change.units, change.made, error)
            else:
                self._revert(journal, change.units, change.revert, error)
            raise
        journal.close(Outcome.DONE)

    def _revert(
        self,
        journal: Journal,
        units: list[Unit],
        revert: Callable[[Session], None],
        cause: QuarterdeckError,
    ) -> None:
        """Take a change back; what of it the machine keeps is drift until the next converge."""
        with self.store.write() as session:
            revert(session)
        journal.extend(_UNDO)
        with suppress(QuarterdeckError):
            self.converger.converge(units, journal, keep_going=True)
        cancelled = isinstance(cause, Cancelled)
        journal.close(Outcome.CANCELLED if cancelled else Outcome.UNDONE, cause)

    def _give_up(
        self, journal: Journal, units: list[Unit], made: list[Unit], cause: QuarterdeckError
    ) -> None:
        """Undo what was made; without any, say only that it failed."""
        if made:
            self._undo(journal, units, made, cause)
        else:
            cancelled = isinstance(cause, Cancelled)
            journal.close(Outcome.CANCELLED if cancelled else Outcome.FAILED, cause)

    def _undo(
        self, journal: Journal, units: list[Unit], made: list[Unit], cause: QuarterdeckError
    ) -> None:
        """Take away what the failed verb made; what cannot be now goes at the next converge."""
        units = list(units)
        # First of all, so that whoever resumes a killed undo goes on with it.
        with self.store.write() as session:
            for unit in made:
                units.extend(each for each in doom(session, unit) if each not in units)
        journal.extend(_UNDO)
        # What else is not in order is drift, and no part of what the verb had made.
        with suppress(QuarterdeckError):
            self.converger.converge(units, journal, keep_going=True)
        with self.store.read() as session:
            undone = all(is_gone(session, unit) for unit in made)
        gone = Outcome.CANCELLED if isinstance(cause, Cancelled) else Outcome.UNDONE
        journal.close(gone if undone else Outcome.FAILED, cause)
