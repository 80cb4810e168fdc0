"""The journal's writer: operations and their steps, noted before they start and after they end."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

from sqlmodel import Session, col, select

from backends.errors import Cancelled, QuarterdeckError, Refused
from backends.locks import is_free, operation_lock
from backends.records.base import now
from backends.records.host import HostRecord
from backends.records.operation import Operation, OperationStep, Outcome
from backends.records.store import Store
from backends.records.unit import Unit

# Outcomes of operations that a process works at, or died at.
AT_WORK = (Outcome.RUNNING, Outcome.CANCELLING)
# Progress is written at most this often, in seconds.
_TICK = 0.25


class Journal:
    """Writes one operation. While it is open it holds the operation's lock, so that others see
    whether its process still lives.

    Raises Cancelled between steps when somebody asked for it, Refused `operation.deadline` when
    its time is over.
    """

    def __init__(self, store: Store, operation: Operation, locks: Path) -> None:
        self.store = store
        self.operation = operation
        self._lock = operation_lock(locks, operation.id)
        self._position = 0
        self._noted = 0.0

    def __enter__(self) -> Journal:
        self._lock.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def start(self, unit: Unit, text: str) -> None:
        """Note a step before it touches the machine."""
        self.check()
        self._position += 1
        with self.store.write() as session:
            session.add(
                OperationStep(
                    operation_id=self.operation.id,
                    position=self._position,
                    unit=str(unit),
                    text=text,
                )
            )

    def end(self, error: QuarterdeckError | None = None) -> None:
        """Note how the step at work ended."""
        with self.store.write() as session:
            step = session.get_one(OperationStep, (self.operation.id, self._position))
            step.outcome = Outcome.FAILED if error else Outcome.DONE
            step.error = str(error) if error else ""
            step.ended_at = now()

    def progress(self, share: float) -> None:
        """Note the done share (0 to 1) of a long step."""
        if time.monotonic() - self._noted < _TICK:
            return
        self._noted = time.monotonic()
        self.check()
        with self.store.write() as session:
            session.get_one(Operation, self.operation.id).progress = share

    def check(self) -> None:
        """Raise Cancelled or Refused when the operation should not go on."""
        with self.store.read() as session:
            found = session.exec(
                select(Operation.outcome).where(Operation.id == self.operation.id)
            ).one()
        if found is Outcome.CANCELLING:
            raise Cancelled(self.operation.verb)
        if now() > self.operation.deadline:
            raise Refused("operation.deadline", f"{self.operation.verb} took longer than allowed")

    def reopen(self, seconds: float) -> Outcome:
        """Go on after the last step of the process that died; its open step was interrupted.

        Returns the outcome that was found. One that ended meanwhile is left as it is.
        """
        with self.store.write() as session:
            row = session.get_one(Operation, self.operation.id)
            found = row.outcome
            if found not in AT_WORK:
                return found
            self.operation.deadline = row.deadline = now() + seconds
            row.outcome = Outcome.RUNNING
            steps = select(OperationStep).where(OperationStep.operation_id == row.id)
            for step in session.exec(steps):
                self._position = max(self._position, step.position)
                if step.outcome is Outcome.RUNNING:
                    step.outcome, step.ended_at = Outcome.INTERRUPTED, now()
            return found

    def close(self, outcome: Outcome, error: QuarterdeckError | None = None) -> None:
        """Note how the operation ended."""
        with self.store.write() as session:
            row = session.get_one(Operation, self.operation.id)
            row.outcome = outcome
            row.progress = None
            row.ended_at = now()
            if error is not None:
                row.error_code, row.error = error.code, error.message

    def extend(self, seconds: float) -> None:
        """Give an operation that is undone the time to be, whatever was cancelled or late."""
        self.operation.deadline = now() + seconds
        with self.store.write() as session:
            row = session.get_one(Operation, self.operation.id)
            row.deadline = self.operation.deadline
            row.outcome = Outcome.RUNNING


def interrupted(session: Session, locks: Path, host: str) -> list[Operation]:
    """Operations of this host that run by the journal, while no process works at them."""
    others = set(session.exec(select(HostRecord.name))) - {host}
    if len(others) < 2 and session.get(HostRecord, host) is None:
        others.clear()  # the only one, under a new name
    found = session.exec(
        select(Operation)
        .where(col(Operation.outcome).in_(AT_WORK))
        .order_by(col(Operation.started_at))
    )
    mine = (row for row in found if row.host not in others)
    return [row for row in mine if is_free(operation_lock(locks, row.id))]


def units_of(operation: Operation) -> Collection[Unit]:
    """The units that an operation converges."""
    return [Unit.parse(text) for text in operation.units]
