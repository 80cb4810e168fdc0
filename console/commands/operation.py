"""Operations: what runs, what ran, how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.commands.command import Command, arg
from console.commands.job import Job
from console.commands.output import Fields, Rows, Status, Text
from console.commands.table import printable
from console.commands.values import stamp

if TYPE_CHECKING:
    from backends.records.operation import Operation, OperationStep

_TICK = 0.25  # seconds between two looks
_AT_WORK = ("running", "cancelling")


def list_(job: Job) -> Rows:
    found = job.cloud.operations.list(limit=job.args.limit, running=job.args.running)
    rows = [
        (row.id, row.verb, row.target_name, row.outcome.value, row.user, stamp(row.started_at),
         _seconds(row), row.error_code)
        for row in found
    ]  # fmt: skip
    columns = ("ID", "Verb", "Target", "Status", "User", "Started", "Seconds", "Error")
    return Rows(columns, rows)


def show(job: Job) -> Fields:
    return _fields(*job.cloud.operations.show(job.args.id))


def cancel(job: Job) -> None:
    job.each(job.args.ids, job.cloud.operations.cancel)


def watch(job: Job) -> Status:
    """Follow the steps until the end; exit status 1 when it did not end well."""
    id_ = job.args.id or _newest(job)
    told = 0
    while True:
        row, steps = job.cloud.operations.show(id_)
        for step in steps[told:]:
            print(f"[{step.position}] {printable(step.text)}", flush=True)
        told = len(steps)
        if row.outcome.value not in _AT_WORK:
            break
        if any(each.id == id_ for each in _interrupted(job)):
            return Status(Text(f"{row.verb} interrupted\n"), 1)
        time.sleep(_TICK)
    error = f": {printable(row.error)} [{row.error_code}]" if row.error else ""
    done = row.outcome.value == "done"
    return Status(Text(f"{row.verb} {row.outcome.value}{error}\n"), 0 if done else 1)


def _newest(job: Job) -> str:
    from backends.errors import NotFound

    found = job.cloud.operations.list(limit=1)
    if not found:
        raise NotFound("operation.not_found", "nothing was done here yet")
    return found[0].id


def _interrupted(job: Job) -> list[Operation]:
    return [
        row for row in job.cloud.operations.list(running=True) if row.outcome.value == "interrupted"
    ]


def _seconds(row: Operation | OperationStep) -> float | None:
    return None if row.ended_at is None else round(row.ended_at - row.started_at, 2)


def _fields(row: Operation, steps: Sequence[OperationStep]) -> Fields:
    return Fields(
        {
            "id": row.id,
            "verb": row.verb,
            "target": row.target,
            "target_name": row.target_name,
            "status": row.outcome.value,
            "error": f"{row.error} [{row.error_code}]" if row.error else None,
            "progress": row.progress,
            "user": row.user,
            "project_id": row.project_id,
            "host": row.host,
            "started": stamp(row.started_at),
            "deadline": stamp(row.deadline),
            "seconds": _seconds(row),
            "steps": [
                f"{step.position}. {step.text}: {step.outcome.value}"
                + (f" ({step.error})" if step.error else "")
                for step in steps
            ],
        }
    )


COMMANDS = (
    Command(
        "operation list", list_, "List operations, the newest first.",
        (arg("--limit", type=int, default=20, metavar="N", help="how many (20)"),
         arg("--running", action="store_true", help="those at work alone")),
        shows="rows",
    ),
    Command(
        "operation show", show, "Show an operation with its steps.",
        (arg("id", metavar="OPERATION", help="its id"),), shows="fields",
    ),
    Command(
        "operation cancel", cancel, "Stop operations; what they were making is taken away again.",
        (arg("ids", nargs="+", metavar="OPERATION", help="their ids"),),
    ),
    Command(
        "operation watch", watch, "Follow an operation to its end.",
        (arg("id", nargs="?", metavar="OPERATION", help="its id (the newest)"),),
    ),
)  # fmt: skip
