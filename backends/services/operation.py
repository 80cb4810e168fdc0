"""The journal as an operator reads it: what runs, what ran, how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.journal import interrupted
from backends.records.identity import Role
from backends.records.operation import Operation, OperationStep, Outcome
from backends.services.base import Service

_AT_WORK = (Outcome.RUNNING, Outcome.CANCELLING)


class Operations(Service):
    """Operations of the caller's project; all for the cloud's admin."""

    def list(self, *, limit: int = 50, running: bool = False) -> Sequence[Operation]:
        """The newest first. One whose process died shows as interrupted."""
        with self.context.reading() as session:
            query = select(Operation).order_by(col(Operation.started_at).desc()).limit(limit)
            if not self.caller.admin:
                query = query.where(Operation.project_id == self.caller.project_id)
            if running:
                query = query.where(col(Operation.outcome).in_(_AT_WORK))
            rows = list(session.exec(query))
            if any(row.outcome in _AT_WORK for row in rows) and not self.caller.read_only:
                settings = self.context.settings
                dead = {row.id for row in interrupted(session, settings.locks, settings.host)}
                for row in rows:
                    if row.id in dead:
                        session.expunge(row)
                        row.outcome = Outcome.INTERRUPTED
            return rows

    def show(self, id_: str) -> tuple[Operation, Sequence[OperationStep]]:
        """An operation with its steps in order. Raises NotFound `operation.not_found`."""
        with self.context.reading() as session:
            row = session.get(Operation, id_)
            if row is None or not (self.caller.admin or row.project_id == self.caller.project_id):
                raise NotFound("operation.not_found", f"no operation {id_!r} here")
            steps = session.exec(
                select(OperationStep)
                .where(OperationStep.operation_id == id_)
                .order_by(col(OperationStep.position))
            )
            return row, list(steps)

    def cancel(self, id_: str) -> None:
        """Ask an operation to stop before its next step; what it was making is taken away.

        Raises Refused `operation.ended`.
        """
        self.caller.require(Role.MEMBER, "cancel an operation")
        self.show(id_)

        def act(change: Change) -> None:
            row = change.session.get_one(Operation, id_)
            if row.outcome not in _AT_WORK:
                raise Refused("operation.ended", f"the operation is {row.outcome.value} already")
            row.outcome = Outcome.CANCELLING

        self.context.perform("operation.cancel", act)
