"""Drift: what is not as it should be, and mending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import Command, arg
from console.commands.job import Job, Planned
from console.commands.output import Output, Rows
from console.commands.plans import output_of

if TYPE_CHECKING:
    from backends.records.unit import Unit


def show(job: Job) -> Rows:
    found = job.cloud.drift.show()
    planned = output_of(found.plan, as_rows=True)
    rows = list(planned.rows) if isinstance(planned, Rows) else []
    rows += [(each.ref, "orphan", each.evidence) for each in found.orphans]
    return Rows(("Unit", "Kind", "What"), rows)


def repair(job: Job) -> Output:
    units = [unit_of(text) for text in job.args.units] or None
    if job.args.dry_run:
        raise Planned(job.cloud.context.converger.plan(units))
    planned = job.cloud.drift.repair(units)
    return output_of(planned, as_rows=True)


def unit_of(text: str) -> Unit:
    """What `KIND:ID` names. Raises Usage `usage`."""
    from backends.errors import Usage
    from backends.records.unit import Unit

    try:
        return Unit.parse(text)
    except ValueError:
        raise Usage("usage", f"{text!r} is no KIND:ID as `quarterdeck drift` shows it") from None


_UNITS = (arg("units", nargs="*", metavar="KIND:ID", help="these alone (all that differs)"),)

COMMANDS = (
    Command("drift", show, "Show what on the machine is not as the records say.", shows="rows"),
    Command("drift show", show, "Show what on the machine is not as the records say.",
            shows="rows"),
    Command(
        "repair", repair, "Make the machine what the records say.", _UNITS, "repair --dry-run",
        "rows", writes=True,
    ),
    Command(
        "converge", repair, "Make the machine what the records say.", _UNITS,
        "converge --dry-run", "rows", writes=True,
    ),
)  # fmt: skip
