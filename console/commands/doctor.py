"""The doctor: whether this machine is fit."""

from __future__ import annotations

from console.commands.command import Command, arg
from console.commands.job import Job
from console.commands.output import Rows, Status


def examine(job: Job) -> Status:
    """Exit status 3 when a check fails, thus when something will not work."""
    from backends.setup import doctor
    from backends.setup.check import Status as Health

    if job.args.mend:
        doctor.mend(job.args.mend, job.say)
    results = [result.as_dict() for result in doctor.run(job.args.codes)]
    keys: tuple[str, ...] = ("code", "title", "status", "evidence", "mend")
    if job.args.format == "table":
        keys = ("code", "status", "evidence", "mend")
    rows = [tuple(result[key] for key in keys) for result in results]
    failed = any(result["status"] == str(Health.FAIL) for result in results)
    return Status(Rows(tuple(key.capitalize() for key in keys), rows), 3 if failed else 0)


COMMANDS = (
    Command(
        "doctor", examine, "Check this machine: what was seen, and what mends it.",
        (arg("codes", nargs="*", metavar="CODE", help="these checks, or groups of them (all)"),
         arg("--mend", metavar="WHAT", help="mend `kvm` or `daemons` first")),
        "doctor net -f json", "rows",
    ),
)  # fmt: skip
