"""Servers that are captured, rebuilt, rescued, resized and shelved."""

from __future__ import annotations

from console.commands.command import PROPERTIES, WAIT, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields

_IMAGE = arg("--image", help="from this image (its own, where none is said)")


def capture(job: Job) -> Fields:
    from console.commands.image import fields

    args = job.args
    made = job.cloud.reshape.capture(args.name, args.new_name, dict(args.properties))
    return fields(made)


def rebuild(job: Job) -> None:
    args = job.args
    job.cloud.reshape.rebuild(
        args.name, image=args.image, name=args.new_name, properties=dict(args.properties)
    )


def rescue(job: Job) -> None:
    job.cloud.reshape.rescue(job.args.name, image=job.args.image)


def unrescue(job: Job) -> None:
    job.cloud.reshape.unrescue(job.args.name)


def resize(job: Job) -> None:
    """With a flavor it begins; without, `--confirm` or `--revert` ends it."""
    from backends.errors import Usage

    args = job.args
    if sum(map(bool, (args.flavor, args.confirm, args.revert))) != 1:
        raise Usage("usage", "say one of --flavor FLAVOR, --confirm and --revert")
    if args.confirm:
        job.cloud.reshape.confirm(args.name)
    elif args.revert:
        job.cloud.reshape.revert(args.name)
    else:
        job.cloud.reshape.resize(args.name, args.flavor)
        job.say(f"see that it works, then `server resize confirm {args.name}`, or revert it")


def confirm(job: Job) -> None:
    job.each(job.args.names, job.cloud.reshape.confirm)


def revert(job: Job) -> None:
    job.each(job.args.names, job.cloud.reshape.revert)


def shelve(job: Job) -> None:
    job.each(job.args.names, job.cloud.reshape.shelve)


def unshelve(job: Job) -> None:
    job.each(job.args.names, job.cloud.reshape.unshelve)


COMMANDS = (
    Command(
        "server image create", capture,
        "Make an image of an instance's disk, as it is at one moment; it runs on meanwhile.",
        (name("SERVER"), arg("--name", dest="new_name", help="the image's name"), PROPERTIES, WAIT),
        "server image create --name web-2 web", "fields", writes=True,
    ),
    Command(
        "server rebuild", rebuild, "Give an instance a new root disk; what was on it is lost.",
        (name("SERVER"), _IMAGE, arg("--name", dest="new_name", help="a new name"),
         PROPERTIES, WAIT),
        "server rebuild --image debian-12 web", writes=True,
    ),
    Command(
        "server rescue", rescue, "Boot from an image, with the instance's own disk as its last.",
        (name("SERVER"), _IMAGE, WAIT), "server rescue --image rescue web", writes=True,
    ),
    Command(
        "server unrescue", unrescue, "Boot a rescued instance from its own disk again.",
        (name("SERVER"), WAIT), writes=True,
    ),
    Command(
        "server resize", resize, "Give an instance another flavor's sizes; then confirm or revert.",
        (name("SERVER"), arg("--flavor", help="the flavor (name or id)"),
         arg("--confirm", action="store_true", help="keep it"),
         arg("--revert", action="store_true", help="take it back"), WAIT),
        "server resize --flavor m1.small web", writes=True,
    ),
    Command(
        "server resize confirm", confirm, "Keep a resize; the old disk goes.",
        (names("SERVER"), WAIT), writes=True,
    ),
    Command(
        "server resize revert", revert, "Take a resize back, and what a larger disk got since.",
        (names("SERVER"), WAIT), writes=True,
    ),
    Command(
        "server shelve", shelve, "Make an image of an instance and free all that it holds.",
        (names("SERVER"), WAIT), "server shelve web", writes=True,
    ),
    Command(
        "server unshelve", unshelve, "Run shelved instances again.",
        (names("SERVER"), WAIT), writes=True,
    ),
)  # fmt: skip
