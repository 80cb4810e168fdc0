"""Whole clouds: making, rescuing, taking away; the demo; the agent."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from console.commands.command import Command, arg
from console.commands.job import Job
from console.commands.output import Output, Rows, Status
from console.commands.table import printable


def init(job: Job) -> None:
    from backends.init import init as make

    made = make(job.access, volume_group=job.args.volume_group)
    job.say(f"cloud {job.access.cloud} is {'made' if made else 'there already'}")


def rescue(job: Job) -> Rows:
    from backends.rescue import rescue as make_again

    report = make_again(job.access)
    rows = [(kind, "made again", str(number)) for kind, number in report.made.items()]
    return Rows(
        ("What", "Outcome", "Which"), [*rows, *(("record", "lost", text) for text in report.lost)]
    )


def destroy(job: Job) -> Output | None:
    from backends.destroy import destroy as take_away
    from backends.destroy import plan

    planned = plan(job.access)
    steps = [step.text for orphan in planned for step in orphan.steps]
    if job.args.dry_run:
        rows = [(f"{each.kind}:{each.id}", step.text) for each in planned for step in each.steps]
        return Rows(("Unit", "What"), rows)
    if not job.args.yes and not _sure(job, steps):
        return Status(None, 1)
    taken = take_away(job.access, lambda step: job.say(step.text))
    job.say(f"cloud {job.access.cloud} is gone; {taken} steps")
    return None


def demo(job: Job) -> None:
    from backends.demo import run

    run(job.access, job.say)


def agent(job: Job) -> None:
    from backends.agent import run

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(job.access, job.say, stop)


def list_(job: Job) -> Rows:
    root: Path = job.access.state_root
    try:
        found = sorted(path.name for path in root.iterdir() if (path / "store.db").exists())
    except OSError:
        found = []
    return Rows(("Name", "Store"), [(name, str(root / name / "store.db")) for name in found])


def _sure(job: Job, steps: list[str]) -> bool:
    """Ask for the cloud's name. Raises Usage `destroy.unsure` where nobody can be asked."""
    from backends.errors import Usage

    if not sys.stdin.isatty():
        raise Usage("destroy.unsure", "destroy asks first; say --yes where nobody can answer")
    for number, text in enumerate(steps, 1):
        print(f"{number}. {printable(text)}", file=sys.stderr)
    name = job.access.cloud
    print(
        f"This takes cloud {name} off this machine, {len(steps)} steps, with every disk in it.\n"
        f"Type its name to go on: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip() == name


COMMANDS = (
    Command(
        "init", init, "Make a cloud on this machine.",
        (arg("--volume-group", default="", metavar="NAME",
             help="the LVM group that holds its volumes (plain files)"),),
        "--cloud lab init",
    ),
    Command("cloud list", list_, "List the clouds of this machine.", shows="rows"),
    Command(
        "rescue", rescue, "Make a lost store again from the labels on the machine.", shows="rows"
    ),
    Command(
        "destroy", destroy, "Take a whole cloud off this machine, and nothing else.",
        (arg("--yes", action="store_true", help="do not ask"),), "--cloud lab destroy", "rows",
    ),
    Command("demo", demo, "Make a demo: an image, a network, two instances."),
    Command("agent", agent, "Keep the cloud as its records say, until it is stopped."),
)  # fmt: skip
