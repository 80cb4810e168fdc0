"""Projects: the owners of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import DESCRIPTION, LONG, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.records.identity import Project


def create(job: Job) -> Fields:
    args, identity = job.args, job.cloud.identity
    if args.or_show and (found := _found(job, args.name)):
        return _fields(found)
    row = identity.create_project(args.name, domain=args.domain, description=args.description or "")
    return _fields(row)


def list_(job: Job) -> Rows:
    rows = job.cloud.identity.projects()
    if not job.args.long:
        return Rows(("ID", "Name"), [(row.id, row.name) for row in rows])
    return Rows(
        ("ID", "Name", "Domain ID", "Description", "Enabled"),
        [(row.id, row.name, row.domain_id, row.description, row.enabled) for row in rows],
    )


def show(job: Job) -> Fields:
    return _fields(job.cloud.identity.project(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.identity.set_project(
        args.name, name=args.new_name, description=args.description, enabled=args.enabled
    )


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.identity.delete_project)


def _found(job: Job, ref: str) -> Project | None:
    return next((row for row in job.cloud.identity.projects() if row.name == ref), None)


def _fields(row: Project) -> Fields:
    return Fields(
        {
            "description": row.description,
            "domain_id": row.domain_id,
            "enabled": row.enabled,
            "id": row.id,
            "is_domain": False,
            "name": row.name,
        }
    )


DOMAIN = arg("--domain", default="default", help="its domain (name or id)")
_ENABLED = (
    arg("--enable", dest="enabled", action="store_const", const=True, group="enabled",
        default=None, help="enable it"),
    arg("--disable", dest="enabled", action="store_const", const=False, group="enabled",
        default=None, help="nobody may work in it"),
)  # fmt: skip

COMMANDS = (
    Command(
        "project create", create, "Make a project, with its default security group.",
        (arg("name", metavar="NAME"), DOMAIN, DESCRIPTION,
         arg("--or-show", action="store_true", help="show it if it is there")),
        'project create --description "Demo" demo', "fields", writes=True,
    ),
    Command("project list", list_, "List the projects you may see.", (LONG,), shows="rows"),
    Command("project show", show, "Show a project.", (name("PROJECT"),), shows="fields"),
    Command(
        "project set", set_, "Change a project.",
        (name("PROJECT"), arg("--name", dest="new_name", help="a new name"), DESCRIPTION,
         *_ENABLED),
        "project set --disable demo", writes=True,
    ),
    Command("project delete", delete, "Delete empty projects.", (names("PROJECT"),), writes=True),
)  # fmt: skip
