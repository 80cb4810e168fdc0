"""The `quarterdeck` command: finds the noun and the verb, does it, prints it, and exits.

Exit status: 0 done, 1 refused, 2 wrong usage, 3 the machine failed, 130 interrupted. Data goes to
stdout, narration to stderr. Only what the command needs is imported; Textual only by the console.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.errors import QuarterdeckError, Usage

if TYPE_CHECKING:
    from backends.plan.plan import Plan
    from console.commands.command import Command
    from console.commands.job import Job
    from console.commands.output import Output

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status. Never raises for a user's mistake."""
    args = Namespace()
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv), args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Who read had enough. The interpreter would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except QuarterdeckError as error:
        return _told(str(error), error.exit_status)
    except SystemExit as leaving:
        # argparse leaves so after it printed a help.
        return leaving.code if isinstance(leaving.code, int) else 0
    except Exception as error:
        if getattr(args, "debug", False):
            raise
        from console.commands.trace import keep_trace

        where = keep_trace(args)
        return _told(f"{type(error).__name__}, which nobody expected; see {where} [internal]", 3)


def _run(argv: list[str], args: Namespace) -> int:
    from console.commands import options

    options.head_parser().parse_args(argv, args)
    words: list[str] = args.words
    if args.version:
        words = ["help", "--program-version"]
    elif args.help:
        words = ["help", *words]
    if not words:
        return _console(args)
    from console.commands.find import find

    command, rest = find(words)
    options.command_parser(command).parse_args(rest, args)
    options.complete(args)
    args.format_given = args.format is not None
    args.format = args.format or "table"
    return _do(command, args)


def _console(args: Namespace) -> int:
    from console.commands import options
    from console.commands.job import Job

    options.complete(args)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("usage.terminal", "the console takes a terminal; see `quarterdeck help`")
    from console.app import run

    return run(Job(args).access)


def _do(command: Command, args: Namespace) -> int:
    from console.commands.job import Job

    job = Job(args)
    try:
        output = _output(command, job)
    finally:
        job.close()
    return _print(output, args)


def _output(command: Command, job: Job) -> Output | None:
    if not command.writes:
        return command.run(job)
    from console.commands.job import Planned

    if job.args.dry_run:
        try:
            return _planned(job, job.cloud.preview(lambda: command.run(job)))
        except Planned as dry:
            return _planned(job, dry.plan)
    job.recover()
    try:
        with job.watching() as watch:
            return command.run(job)
    except QuarterdeckError as error:
        if watch.interrupted:
            _told(str(error), INTERRUPTED)
            raise SystemExit(INTERRUPTED) from error
        raise


def _planned(job: Job, plan: Plan) -> Output:
    from console.commands.plans import output_of

    return output_of(plan, as_rows=job.args.format_given)


def _print(output: Output | None, args: Namespace) -> int:
    from console.commands.output import Rows, Status, Text, render

    if isinstance(output, Status):
        _print(output.output, args)
        return output.status
    if isinstance(output, Text):
        sys.stdout.write(output.text)
    elif output is not None:
        if isinstance(output, Rows) and args.format == "shell":
            raise Usage("usage", "a listing has no format shell")
        sys.stdout.write(render(output, args, _terminal_width()))
    return 0


def _terminal_width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 0


def _told(message: str, status: int) -> int:
    print(f"quarterdeck: {_clean(message)}", file=sys.stderr)
    return status


def _clean(message: str) -> str:
    from console.commands.table import printable

    return printable(message, keep="")
