"""Groups of users."""

from __future__ import annotations

from console.commands.command import DESCRIPTION, LONG, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.project import DOMAIN


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.identity.create_group(
        args.name, domain=args.domain, description=args.description or ""
    )
    return Fields(
        {"description": row.description, "domain_id": row.domain_id, "id": row.id, "name": row.name}
    )


def list_(job: Job) -> Rows:
    rows = job.cloud.identity.groups()
    if not job.args.long:
        return Rows(("ID", "Name"), [(row.id, row.name) for row in rows])
    return Rows(
        ("ID", "Name", "Domain ID", "Description"),
        [(row.id, row.name, row.domain_id, row.description) for row in rows],
    )


def show(job: Job) -> Fields:
    from backends.errors import NotFound

    ref = job.args.name
    for row in job.cloud.identity.groups():
        if ref in (row.id, row.name):
            return Fields(
                {
                    "description": row.description,
                    "domain_id": row.domain_id,
                    "id": row.id,
                    "name": row.name,
                }
            )
    raise NotFound("group.not_found", f"no group {ref!r}; see `quarterdeck group list`")


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.identity.delete_group)


def add_user(job: Job) -> None:
    job.each(job.args.names, lambda user: job.cloud.identity.set_member(job.args.name, user, True))


def remove_user(job: Job) -> None:
    job.each(job.args.names, lambda user: job.cloud.identity.set_member(job.args.name, user, False))


COMMANDS = (
    Command(
        "group create", create, "Make a group.",
        (arg("name", metavar="NAME"), DOMAIN, DESCRIPTION), "group create crew", "fields",
        writes=True,
    ),
    Command("group list", list_, "List groups.", (LONG,), shows="rows"),
    Command("group show", show, "Show a group.", (name("GROUP"),), shows="fields"),
    Command("group delete", delete, "Delete groups.", (names("GROUP"),), writes=True),
    Command(
        "group add user", add_user, "Put users into a group.",
        (name("GROUP"), names("USER")), "group add user crew myuser", writes=True,
    ),
    Command(
        "group remove user", remove_user, "Take users out of a group.",
        (name("GROUP"), names("USER")), "group remove user crew myuser", writes=True,
    ),
)  # fmt: skip
