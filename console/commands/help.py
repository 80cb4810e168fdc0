"""Help: all commands, those of a noun, or one."""

from __future__ import annotations

from console.commands.command import ALIASES, Command, arg, commands_of, every_command
from console.commands.job import Job
from console.commands.output import Text
from console.commands.table import cell_width

_HEAD = """\
quarterdeck: a private cloud that one person runs from a terminal

Without arguments it opens the console. Otherwise: quarterdeck [options] NOUN VERB [arguments]
"""
_FOOT = """
`quarterdeck help NOUN VERB` tells more. `instance` is another word for `server`.
Exit status: 0 done, 1 refused, 2 wrong usage, 3 the machine failed, 130 interrupted.
"""


def show(job: Job) -> Text:
    from console.commands.find import find
    from console.commands.options import command_parser

    if job.args.program_version:
        from importlib.metadata import version

        return Text(f"quarterdeck {version('quarterdeck')}\n")
    words: list[str] = [ALIASES.get(word, word) for word in job.args.words]
    if not words:
        return Text(_everything())
    table = [each for each in commands_of(words[0]) if each.words.split()[: len(words)] == words]
    if table and not any(each.words.split() == words for each in table):
        return Text(_lines(table))
    command, _ = find(words)
    return Text(command_parser(command).format_help())


def _everything() -> str:
    from console.commands.options import GLOBALS

    options = [(_flag(each.flags, each.options), str(each.options["help"])) for each in GLOBALS]
    head = f"{_HEAD}\nOptions, before the noun or after it:\n{_pairs(options)}"
    return f"{head}\nCommands:\n{_lines(every_command())}{_FOOT}"


def _flag(flags: tuple[str, ...], options: dict[str, object]) -> str:
    value = f" {options['metavar']}" if "metavar" in options else ""
    return f"{', '.join(flags)}{value}"


def _lines(commands: list[Command]) -> str:
    return _pairs([(each.words, each.help) for each in commands])


def _pairs(pairs: list[tuple[str, str]]) -> str:
    width = max(cell_width(left) for left, _ in pairs)
    return "".join(f"  {left:<{width}}  {right}\n" for left, right in pairs)


COMMANDS = (
    Command(
        "help", show, "Tell what there is.",
        (arg("words", nargs="*", metavar="WORD", help="a noun, or a noun and a verb"),
         arg("--program-version", action="store_true", help="the program's version")),
        "help server create",
    ),
)  # fmt: skip
