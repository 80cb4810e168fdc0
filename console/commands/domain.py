"""Domains: name spaces of projects, users and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import DESCRIPTION, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.records.identity import Domain


def create(job: Job) -> Fields:
    return _fields(job.cloud.identity.create_domain(job.args.name, job.args.description or ""))


def list_(job: Job) -> Rows:
    rows = [
        (row.id, row.name, row.enabled, row.description) for row in job.cloud.identity.domains()
    ]
    return Rows(("ID", "Name", "Enabled", "Description"), rows)


def show(job: Job) -> Fields:
    from backends.errors import NotFound

    ref = job.args.name
    for row in job.cloud.identity.domains():
        if ref in (row.id, row.name):
            return _fields(row)
    raise NotFound("domain.not_found", f"no domain {ref!r}; see `quarterdeck domain list`")


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.identity.delete_domain)


def _fields(row: Domain) -> Fields:
    return Fields(
        {"description": row.description, "enabled": row.enabled, "id": row.id, "name": row.name}
    )


COMMANDS = (
    Command(
        "domain create", create, "Make a domain.",
        (arg("name", metavar="NAME"), DESCRIPTION), "domain create lab", "fields", writes=True,
    ),
    Command("domain list", list_, "List domains.", shows="rows"),
    Command("domain show", show, "Show a domain.", (name("DOMAIN"),), shows="fields"),
    Command("domain delete", delete, "Delete empty domains.", (names("DOMAIN"),), writes=True),
)  # fmt: skip
