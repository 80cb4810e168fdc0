"""Orphans: what carries the cloud's label and has no record; and records whose thing is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from console.commands.command import Command, arg
from console.commands.job import Job
from console.commands.output import Rows

if TYPE_CHECKING:
    from backends.plan.orphans import Orphan
    from backends.records.unit import Unit


def list_(job: Job) -> Rows:
    return _rows(job.cloud.drift.orphans())


def remove(job: Job) -> Rows:
    return _rows(job.cloud.drift.remove_orphans(_refs(job)))


def adopt(job: Job) -> Rows:
    report = job.cloud.drift.adopt(_refs(job))
    for text in report.lost:
        job.say(text)
    return Rows(("Kind", "ID"), report.things)


def forget(job: Job) -> None:
    job.cloud.drift.forget(_units(job.args.units))


def _refs(job: Job) -> Sequence[str] | None:
    from backends.errors import Usage

    args = job.args
    if bool(args.refs) == args.all:
        raise Usage("usage", "say which orphans as `quarterdeck orphan list` has them, or --all")
    return None if args.all else args.refs


def _rows(found: Sequence[Orphan]) -> Rows:
    rows = [
        (each.ref, each.name, each.evidence, "; ".join(step.text for step in each.steps))
        for each in found
    ]
    return Rows(("Orphan", "Name", "Evidence", "To remove it"), rows)


def _units(texts: Sequence[str]) -> Iterator[Unit]:
    """The units, read when they are asked for: whether one may forget at all is told before."""
    from console.commands.drift import unit_of

    for text in texts:
        yield unit_of(text)


_REFS = (
    arg("refs", nargs="*", metavar="KIND:ID", help="as `orphan list` has them, or an id alone"),
    arg("--all", action="store_true", help="all of them"),
)
_LOST = (arg("units", nargs="+", metavar="KIND:ID", help="as `drift` shows them"),)

COMMANDS = (
    Command("orphan list", list_, "List what is labelled as this cloud's and has no record.",
            shows="rows"),
    Command(
        "orphan remove", remove, "Take orphans off the machine. --dry-run shows the steps.", _REFS,
        "orphan remove --all --dry-run", "rows", writes=True,
    ),
    Command(
        "orphan adopt", adopt, "Make records of orphans again, from their labels.", _REFS,
        "orphan adopt --all", "rows", writes=True,
    ),
    Command(
        "forget", forget, "Remove records whose image, volume or disk is lost for good.", _LOST,
        writes=True,
    ),
)  # fmt: skip
