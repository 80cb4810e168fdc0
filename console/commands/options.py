"""The options of every command, before the noun or after it, and what the environment says."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import NoReturn

from backends.errors import Usage
from console.commands.command import Argument, Command, arg
from console.commands.output import FIELD_FORMATS, ROW_FORMATS

GLOBALS: tuple[Argument, ...] = (
    arg("--cloud", "--os-cloud", dest="os_cloud", metavar="NAME", help="the cloud"),
    arg(
        "--os-project-name", "--os-project-id", dest="os_project", metavar="PROJECT",
        help="the project to work in",
    ),
    arg("--os-username", dest="os_username", metavar="USER", help="who you are"),
    arg("--os-password", dest="os_password", metavar="PASSWORD",
        help="better in OS_PASSWORD: others can read a command line"),
    arg("--os-user-domain-name", "--os-user-domain-id", dest="os_user_domain", metavar="DOMAIN",
        help="the domain of your name (Default)"),
    arg("--os-project-domain-name", "--os-project-domain-id", dest="os_project_domain",
        metavar="DOMAIN", help="the domain of the project's name (Default)"),
    arg("--os-default-domain", "--os-default-domain-id", dest="os_default_domain",
        metavar="DOMAIN", help="the domain of both"),
    arg("--read-only", dest="read_only", action="store_true", help="change nothing"),
    arg("--store", dest="store", metavar="URL", help="the records: a database URL or a path"),
    arg("--dry-run", dest="dry_run", action="store_true", help="print the plan, do nothing"),
    arg("-q", "--quiet", dest="quiet", action="store_true", help="no narration"),
    arg("-v", "--verbose", dest="verbose", action="count", help="narrate also without a terminal"),
    arg("--debug", dest="debug", action="store_true", help="a traceback for what nobody expected"),
)  # fmt: skip
# What OpenStack's client takes and what has no meaning here: there is one domain service, no
# endpoint and no API version.
_IGNORED = (
    "--os-auth-type",
    "--os-auth-url",
    "--os-cacert",
    "--os-compute-api-version",
    "--os-domain-id",
    "--os-domain-name",
    "--os-endpoint-type",
    "--os-identity-api-version",
    "--os-image-api-version",
    "--os-interface",
    "--os-network-api-version",
    "--os-region-name",
    "--os-volume-api-version",
)
_ENVIRONMENT = {
    "os_cloud": ("QUARTERDECK_CLOUD",),
    "os_project": ("OS_PROJECT_NAME", "OS_PROJECT_ID"),
    "os_username": ("OS_USERNAME",),
    "os_password": ("OS_PASSWORD",),
    "os_user_domain": ("OS_USER_DOMAIN_NAME", "OS_USER_DOMAIN_ID"),
    "os_project_domain": ("OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID"),
    "os_default_domain": ("OS_DEFAULT_DOMAIN", "OS_DEFAULT_DOMAIN_ID"),
    "store": ("QUARTERDECK_STORE",),
    "state_root": ("QUARTERDECK_STATE_ROOT",),
    "run_root": ("QUARTERDECK_RUN_ROOT",),
    "own_host": ("QUARTERDECK_HOST",),
    "ovs_run": ("OVS_RUNDIR",),
}


class Parser(argparse.ArgumentParser):
    """argparse, but an error is one line and is raised."""

    def error(self, message: str) -> NoReturn:
        raise Usage(
            "usage", f"{message}; see `quarterdeck help{self.prog.removeprefix('quarterdeck')}`"
        )


def head_parser() -> Parser:
    """What may stand before the noun; `words` is the rest."""
    parser = Parser(prog="quarterdeck", add_help=False, allow_abbrev=False)
    add_globals(parser)
    parser.add_argument("-h", "--help", dest="help", action="store_true")
    parser.add_argument("--version", dest="version", action="store_true")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def command_parser(command: Command) -> Parser:
    """What may stand after the noun and the verb."""
    example = f"example: quarterdeck {command.example}" if command.example else ""
    parser = Parser(
        prog=f"quarterdeck {command.words}",
        description=command.help,
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for each in command.arguments:
        if each.group and each.group not in groups:
            groups[each.group] = parser.add_mutually_exclusive_group()
        (groups[each.group] if each.group else parser).add_argument(*each.flags, **each.options)
    taken = {flag for each in command.arguments for flag in each.flags}
    add_format(parser, command.shows, taken)
    add_globals(parser, taken)
    return parser


def add_globals(parser: Parser, taken: set[str] | frozenset[str] = frozenset()) -> None:
    """Without defaults, so that what stands after the noun leaves what stands before it."""
    for each in GLOBALS:
        if not taken.intersection(each.flags):
            options = each.options | {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
            parser.add_argument(*each.flags, **options)
    for flag in _IGNORED:
        parser.add_argument(flag, dest="ignored", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--insecure", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )


def add_format(parser: Parser, shows: str, taken: set[str] | frozenset[str] = frozenset()) -> None:
    """cliff's formatting options. Also what prints nothing takes them, for its dry run."""
    group = parser.add_argument_group("output")
    quiet = None if shows else argparse.SUPPRESS
    formats = FIELD_FORMATS if shows == "fields" else ROW_FORMATS
    if "-f" in taken:
        parser.set_defaults(format=None)
    else:
        group.add_argument(
            "-f", "--format", choices=formats, default=None,
            help=quiet or f"{', '.join(formats)} (table)", metavar="FORMAT",
        )  # fmt: skip
    group.add_argument(
        "-c", "--column", dest="columns", action="append", default=[], metavar="COLUMN",
        help=quiet or "only this column (repeat)",
    )  # fmt: skip
    group.add_argument("--noindent", action="store_true", help=quiet or "JSON in one line")
    group.add_argument("--max-width", type=int, default=0, metavar="CELLS", help=quiet or "wrap")
    group.add_argument("--fit-width", action="store_true", help=quiet or "wrap to the terminal")
    group.add_argument("--print-empty", action="store_true", help=argparse.SUPPRESS)
    rows = quiet if shows != "fields" else argparse.SUPPRESS
    group.add_argument(
        "--sort-column", dest="sort_columns", action="append", default=[], metavar="COLUMN",
        help=rows or "sort by this column (repeat)",
    )  # fmt: skip
    group.add_argument("--sort-ascending", dest="descending", action="store_false",
                       help=argparse.SUPPRESS)  # fmt: skip
    group.add_argument("--sort-descending", dest="descending", action="store_true",
                       help=rows or "the other way round")  # fmt: skip
    group.add_argument(
        "--quote", choices=("all", "minimal", "none", "nonnumeric"), default="nonnumeric",
        metavar="WHEN", help=rows or "CSV: all, minimal, none, nonnumeric",
    )  # fmt: skip
    group.add_argument("--prefix", default="", help=argparse.SUPPRESS)


def complete(args: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> None:
    """Fill in what the command line leaves to the environment."""
    for dest, variables in _ENVIRONMENT.items():
        if getattr(args, dest, None) in (None, ""):
            found = (environment[name] for name in variables if environment.get(name))
            setattr(args, dest, next(found, None))
    said = environment.get("QUARTERDECK_READ_ONLY", "").lower()
    args.read_only = getattr(args, "read_only", False) or said not in ("", "0", "false", "no")
    args.debug = getattr(args, "debug", False) or bool(environment.get("QUARTERDECK_DEBUG"))
    for dest in ("dry_run", "quiet", "verbose"):
        setattr(args, dest, getattr(args, dest, None) or False)
