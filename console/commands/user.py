"""Users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import DESCRIPTION, LONG, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.project import DOMAIN

if TYPE_CHECKING:
    from backends.records.identity import User


def create(job: Job) -> Fields:
    args = job.args
    row = job.cloud.identity.create_user(
        args.name,
        password=_password(job),
        domain=args.domain,
        project=args.project,
        email=args.email or "",
        description=args.description or "",
        enabled=args.enabled is not False,
    )
    return _fields(row)


def list_(job: Job) -> Rows:
    rows = job.cloud.identity.users()
    if not job.args.long:
        return Rows(("ID", "Name"), [(row.id, row.name) for row in rows])
    return Rows(
        ("ID", "Name", "Project", "Domain", "Description", "Email", "Enabled"),
        [
            (row.id, row.name, row.default_project_id, row.domain_id, row.description, row.email,
             row.enabled)
            for row in rows
        ],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.identity.user(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.identity.set_user(
        args.name,
        name=args.new_name,
        password=_password(job),
        email=args.email,
        description=args.description,
        enabled=args.enabled,
        project=args.project,
    )


def set_password(job: Job) -> None:
    user_id = job.cloud.caller.user_id or ""
    job.cloud.identity.set_user(user_id, password=job.args.password or _asked())


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.identity.delete_user)


def _password(job: Job) -> str | None:
    if job.args.password_prompt:
        return _asked()
    password: str | None = job.args.password
    return password


def _asked() -> str:
    """A new password, asked for twice on the terminal.

    Raises Usage `user.password.differs`, `usage.terminal` where there is nobody to ask.
    """
    from getpass import getpass

    from backends.errors import Usage

    try:
        first = getpass("New password: ")
        again = getpass("Again: ")
    except EOFError:
        raise Usage("usage.terminal", "there is no terminal to ask for a password") from None
    if again != first:
        raise Usage("user.password.differs", "the two passwords differ; nothing was changed")
    return first


def _fields(row: User) -> Fields:
    return Fields(
        {
            "default_project_id": row.default_project_id,
            "description": row.description,
            "domain_id": row.domain_id,
            "email": row.email,
            "enabled": row.enabled,
            "id": row.id,
            "name": row.name,
        }
    )


_OPTIONS = (
    arg("--project", help="default project (name or id)"),
    arg("--project-domain", help="accepted"),
    arg("--password", group="password", help="better --password-prompt: others can read this"),
    arg("--password-prompt", group="password", action="store_true", help="ask for the password"),
    arg("--email", help="mail address"),
    DESCRIPTION,
    arg("--enable", dest="enabled", action="store_const", const=True, group="enabled",
        default=None, help="enable the user"),
    arg("--disable", dest="enabled", action="store_const", const=False, group="enabled",
        default=None, help="the user may not come in"),
)  # fmt: skip

COMMANDS = (
    Command(
        "user create", create, "Make a user.",
        (arg("name", metavar="NAME"), DOMAIN, *_OPTIONS),
        "user create --domain default --password-prompt myuser", "fields", writes=True,
    ),
    Command("user list", list_, "List users.", (LONG,), shows="rows"),
    Command("user show", show, "Show a user.", (name("USER"),), shows="fields"),
    Command(
        "user set", set_, "Change a user.",
        (name("USER"), arg("--name", dest="new_name", help="a new name"), *_OPTIONS),
        "user set --password-prompt myuser", writes=True,
    ),
    Command(
        "user password set", set_password, "Change your own password.",
        (arg("--password", help="better to be asked: others can read this"),), writes=True,
    ),
    Command(
        "user delete", delete, "Delete users with their key pairs and roles.",
        (names("USER"),), writes=True,
    ),
)  # fmt: skip
