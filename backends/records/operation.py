"""The journal: what was asked, what was done for it, and how it ended."""

from __future__ import annotations

from enum import StrEnum

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_list, now, timestamp


class Outcome(StrEnum):
    """How far an operation or a step is."""

    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Operation(SQLModel, table=True):
    """One verb. `units` are what it converges, as `kind:id`; times in seconds since the epoch.

    `progress` is 0 to 1 of the step at work, None where a step is short.
    """

    id: str = identifier()
    verb: str = Field(max_length=64)
    target: str = ""
    target_name: str = ""
    user: str = ""
    project_id: str | None = Field(default=None, index=True)
    units: list[str] = json_list()
    creates: bool = False
    outcome: Outcome = Field(default=Outcome.RUNNING, index=True)
    progress: float | None = None
    error_code: str = ""
    error: str = ""
    host: str = ""
    started_at: float = Field(default_factory=now, index=True)
    ended_at: float | None = None
    deadline: float


class OperationStep(SQLModel, table=True):
    """A step of an operation, written before it starts and after it ends."""

    __tablename__ = "operationstep"

    operation_id: str = Field(foreign_key="operation.id", primary_key=True)
    position: int = Field(primary_key=True)
    unit: str
    text: str
    outcome: Outcome = Outcome.RUNNING
    started_at: float = timestamp()
    ended_at: float | None = None
    error: str = ""
