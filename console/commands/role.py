"""Roles and who has them where."""

from __future__ import annotations

from console.commands.command import Command, arg, name
from console.commands.job import Job
from console.commands.output import Fields, Rows

_MEANING = {
    "admin": "changes everything in its project; without a project, in the cloud",
    "member": "changes things in its project",
    "reader": "sees things in its project",
}


def list_(job: Job) -> Rows:
    return Rows(("ID", "Name"), [(role, role) for role in _MEANING])


def show(job: Job) -> Fields:
    from backends.errors import NotFound

    role = job.args.name
    if role not in _MEANING:
        raise NotFound("role.not_found", f"no role {role!r}; there are {', '.join(_MEANING)}")
    return Fields({"description": _MEANING[role], "domain_id": None, "id": role, "name": role})


def add(job: Job) -> None:
    project = _where(job)
    args = job.args
    job.cloud.identity.assign(args.name, user=args.user, group=args.group, project=project)


def remove(job: Job) -> None:
    project = _where(job)
    args = job.args
    job.cloud.identity.withdraw(args.name, user=args.user, group=args.group, project=project)


def assignments(job: Job) -> Rows:
    args = job.args
    found = job.cloud.identity.assignments(user=args.user, project=args.project)
    rows = [
        (each["role"], each["user"], each["group"], each["project"], "",
         "" if each["project"] else "all", False)
        for each in found
        if args.role in (None, each["role"]) and args.group in (None, each["group"])
    ]  # fmt: skip
    return Rows(("Role", "User", "Group", "Project", "Domain", "System", "Inherited"), rows)


def _where(job: Job) -> str | None:
    """The project, or None for the whole cloud, which has to be said."""
    from backends.errors import Usage

    project: str | None = job.args.project
    if (project is None) == (job.args.system is None):
        raise Usage("usage", "name one of --project PROJECT and --system all (the whole cloud)")
    return project


_WHO = (
    arg("--user", group="who", help="a user (name or id)"),
    arg("--group", group="who", help="a group (name or id)"),
    arg("--user-domain", help="accepted"),
    arg("--group-domain", help="accepted"),
    arg("--project-domain", help="accepted"),
    arg("--project", help="in this project (name or id)"),
)
_SYSTEM = arg("--system", choices=("all",), metavar="all", help="in the whole cloud")

COMMANDS = (
    Command("role list", list_, "List the roles there are.", shows="rows"),
    Command("role show", show, "Show a role.", (name("ROLE"),), shows="fields"),
    Command(
        "role add", add, "Give a role to a user or a group.",
        (name("ROLE"), *_WHO, _SYSTEM), "role add --project demo --user myuser member", writes=True,
    ),
    Command(
        "role remove", remove, "Take a role away.",
        (name("ROLE"), *_WHO, _SYSTEM), "role remove --project demo --user myuser member",
        writes=True,
    ),
    Command(
        "role assignment list", assignments, "List who has which role where.",
        (*_WHO, arg("--role", help="this role alone"),
         arg("--names", action="store_true", help="accepted: names are shown")),
        "role assignment list --project demo", "rows",
    ),
)  # fmt: skip
