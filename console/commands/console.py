"""What a guest wrote to its serial line."""

from __future__ import annotations

import sys

from console.commands.command import Command, arg, name
from console.commands.job import Job
from console.commands.output import Text
from console.commands.table import printable


def log_show(job: Job) -> Text:
    text = job.cloud.instances.console_log(job.args.name, lines=job.args.lines)
    # A guest's escape sequences must not steer the operator's terminal; a file gets every byte.
    return Text(printable(text, keep="\n\t") if sys.stdout.isatty() else text)


COMMANDS = (
    Command(
        "console log show", log_show, "Show what a guest wrote to its serial line.",
        (name("SERVER"), arg("--lines", type=int, metavar="N", help="the last N lines alone")),
        "console log show --lines 20 selfservice-instance",
    ),
)  # fmt: skip
