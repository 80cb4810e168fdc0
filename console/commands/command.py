"""What a command is, and which module has the commands of a noun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.commands.job import Job
    from console.commands.output import Output


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument as argparse takes it. Those of one `group` exclude each other."""

    flags: tuple[str, ...]
    options: dict[str, Any]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A noun and a verb, what does it, and what it takes.

    `shows` is `rows`, `fields` or nothing: which format options it has. `writes` says that it
    changes the cloud: it can be tried dry, and what dead processes left is finished first. The help
    and the example are for a person; the example leaves the program's name out.
    """

    words: str
    run: Callable[[Job], Output | None]
    help: str
    arguments: tuple[Argument, ...] = ()
    example: str = ""
    shows: str = ""
    writes: bool = False


def arg(*flags: str, group: str = "", **options: Any) -> Argument:
    """One argument, in argparse's words."""
    return Argument(flags, options, group)


def names(what: str) -> Argument:
    """One or more things, by name or id."""
    return arg("names", nargs="+", metavar=what, help=f"{what} (name or id)")


def name(what: str) -> Argument:
    """One thing, by name or id."""
    return arg("name", metavar=what, help=f"{what} (name or id)")


def key_value(text: str) -> tuple[str, str]:
    """`key=value`, for options such as `--property`."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def fields_of(text: str, known: Sequence[str]) -> dict[str, str]:
    """`key=value,key=value` with the keys that are known. Raises Usage `usage`."""
    from backends.errors import Usage

    found = dict(part.partition("=")[::2] for part in text.split(","))
    if any(key not in known or not value for key, value in found.items()):
        raise Usage("usage", f"{text!r} is not {','.join(f'{key}=...' for key in known)}")
    return found


LONG = arg("--long", action="store_true", help="more columns")
ALL_PROJECTS = arg("--all-projects", action="store_true", help="of all projects (admin)")
WAIT = arg("--wait", action="store_true", help="accepted: a command returns when it is done")
PROJECT = arg("--project", dest="os_project", metavar="PROJECT", help="in this project (admin)")
PROPERTIES = arg(
    "--property",
    dest="properties",
    type=key_value,
    action="append",
    default=[],
    metavar="KEY=VALUE",
    help="a property (repeat)",
)
DESCRIPTION = arg("--description", default=None, help="a description")

# The first word of a command: the module that has it.
NOUNS: dict[str, str] = {
    "address": "address_group",
    "agent": "cloud",
    "cloud": "cloud",
    "complete": "complete",
    "connection": "connection",
    "console": "console",
    "converge": "drift",
    "demo": "cloud",
    "destroy": "cloud",
    "doctor": "doctor",
    "domain": "domain",
    "drift": "drift",
    "flavor": "flavor",
    "floating": "floating_ip",
    "flow": "flow",
    "forget": "orphan",
    "group": "group",
    "help": "help",
    "host": "host",
    "image": "image",
    "init": "cloud",
    "keypair": "keypair",
    "network": "network",
    "operation": "operation",
    "orphan": "orphan",
    "port": "port",
    "project": "project",
    "quota": "quota",
    "repair": "drift",
    "rescue": "cloud",
    "role": "role",
    "router": "router",
    "security": "security_group",
    "server": "server",
    "subnet": "subnet",
    "topology": "topology",
    "user": "user",
    "volume": "volume",
}
ALIASES = {"instance": "server"}


def commands_of(noun: str) -> tuple[Command, ...]:
    """The commands that begin with this word; none for an unknown one."""
    from importlib import import_module

    module = NOUNS.get(noun)
    if module is None:
        return ()
    table: tuple[Command, ...] = import_module(f"console.commands.{module}").COMMANDS
    return tuple(each for each in table if each.words.split()[0] == noun)


def every_command() -> list[Command]:
    """All commands, by their words."""
    return [command for noun in sorted(NOUNS) for command in commands_of(noun)]
