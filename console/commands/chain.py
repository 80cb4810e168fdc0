"""Chains: what stands on what, and moving root disks to something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Rows, Text

if TYPE_CHECKING:
    from backends.inspect.chain import Link

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def tree(job: Job) -> Rows | Text:
    roots = job.cloud.chains.tree(all_projects=job.args.all_projects)
    wanted = job.args.image
    if wanted:
        id_ = job.cloud.images.show(wanted).id
        roots = [each for each in roots if each.id == id_]
    if job.args.format_given:
        return Rows(
            ("ID", "Name", "Kind", "Format", "Taken", "Length", "On", "Above", "Note"),
            [row for root in roots for row in _rows(root, "")],
        )
    lines = [line for root in roots for line in lines_of(root)]
    return Text("".join(f"{line}\n" for line in lines) or "no images here\n")


def lines_of(link: Link, lead: str = "", branch: str = "") -> Iterator[str]:
    """A chain drawn with characters, a line for each file."""
    yield f"{lead}{branch}{words_of(link)}"
    inner = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    for number, each in enumerate(link.above):
        last = number == len(link.above) - 1
        yield from lines_of(each, inner, "└─ " if last else "├─ ")


def words_of(link: Link) -> str:
    """Its name, what it is, what it takes on disk, and what is to be said of it."""
    kind = {"disk": "disk of", "snapshot": "snapshot", "lost": "LOST image"}.get(link.kind, "image")
    words = [f"{kind} {link.name}"]
    if link.format and link.kind != "disk":
        words.append(link.format)
    if link.usage is not None:
        words.append(size(link.usage.taken))
    if count := link.count():
        words.append(f"{count} above it")
    if link.note:
        words.append(link.note)
    return ", ".join(words)


def size(amount: int) -> str:
    """Bytes in a unit that a person reads."""
    value, unit = float(amount), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit < 2 else f"{value:.1f} {_UNITS[unit]}"


def flatten(job: Job) -> None:
    job.each(job.args.names, job.cloud.chains.flatten)


def rebase(job: Job) -> None:
    job.cloud.chains.rebase(job.args.name, job.args.image)


def commit(job: Job) -> None:
    job.each(job.args.names, job.cloud.chains.commit)


def check(job: Job) -> None:
    job.each(job.args.names, job.cloud.chains.check)


def _rows(link: Link, on: str) -> Iterator[tuple[object, ...]]:
    usage = link.usage
    yield (
        link.id, link.name, link.kind, link.format, usage.taken if usage else None,
        usage.length if usage else None, on, link.count(), link.note,
    )  # fmt: skip
    for each in link.above:
        yield from _rows(each, link.id)


COMMANDS = (
    Command(
        "image tree", tree, "Show what stands on images: disks, snapshots, with their sizes.",
        (arg("image", nargs="?", metavar="IMAGE", help="of this image alone"), ALL_PROJECTS),
        "image tree lab", "rows",
    ),
)  # fmt: skip
DISKS = (
    Command(
        "server disk flatten", flatten, "Copy into root disks what they stand on.",
        (names("SERVER"),), "server disk flatten web", writes=True,
    ),
    Command(
        "server disk rebase", rebase, "Put the root disk of a stopped server on another image.",
        (name("SERVER"),
         arg("--image", required=True, metavar="IMAGE", help="the image (name or id)")),
        "server disk rebase --image lab2 web", writes=True,
    ),
    Command(
        "server disk commit", commit,
        "Write stopped servers' root disks into the images that they alone stand on.",
        (names("SERVER"),), "server disk commit web", writes=True,
    ),
    Command(
        "server disk verify", check, "Have the tables of stopped servers' root disks read.",
        (names("SERVER"),), "server disk verify web", writes=True,
    ),
)  # fmt: skip
