"""The doctor's words: a check, what it found, and the small helpers that checks share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from backends.errors import MachineFailed
from backends.hosts import Host, Output

COMMAND_SECONDS = 4.0
_VERSION = re.compile(r"\d+(?:\.\d+)+")


class Status(StrEnum):
    """`warn`: it works, with less; `fail`: something will not work; `skip`: cannot be told."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw: one line of evidence, and the command that mends it, or nothing."""

    status: Status
    evidence: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at. `run` changes nothing and answers within seconds.

    Where it `needs_root`, its failure for another caller says nothing.
    """

    code: str
    title: str
    run: Callable[[Host], Finding]
    needs_root: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A check and its finding, flat, as it is printed."""

    code: str
    title: str
    status: Status
    evidence: str
    mend: str

    def as_dict(self) -> dict[str, str]:
        """The fields by name, all of them strings."""
        return {name: str(value) for name, value in asdict(self).items()}


def ok(evidence: str) -> Finding:
    return Finding(Status.OK, evidence)


def warn(evidence: str, mend: str = "") -> Finding:
    return Finding(Status.WARN, evidence, mend)


def fail(evidence: str, mend: str = "") -> Finding:
    return Finding(Status.FAIL, evidence, mend)


def skip(evidence: str) -> Finding:
    return Finding(Status.SKIP, evidence)


MEND_DAEMONS = "quarterdeck doctor --mend daemons"


def install(package: str) -> str:
    """The command that installs a package."""
    return f"apt-get install -y {package}"


def ask(host: Host, argv: Sequence[str], stdin: str | None = None) -> Output:
    """Run a command that changes nothing; a missing one has status 127, a silent one 124."""
    try:
        return host.run(argv, stdin=stdin, timeout=COMMAND_SECONDS, reads=True, check=False)
    except MachineFailed as error:
        return Output(127 if error.code == "host.command.missing" else 124, "", error.message)


def last_line(output: Output) -> str:
    """The last line a command wrote, its errors first; the place of the evidence."""
    lines = (output.stderr.strip() or output.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else f"ended with status {output.status}"


def version_in(text: str) -> tuple[int, ...]:
    """The first dotted number in a text, or nothing: `QEMU version 7.2.22` is (7, 2, 22)."""
    return tuple(map(int, filter(None, _version_text(text).split("."))))


def _version_text(text: str) -> str:
    found = _VERSION.search(text)
    return found[0] if found else ""


def dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def tool(
    host: Host, argv: Sequence[str], *, package: str, least: tuple[int, ...] = (0,)
) -> Finding:
    """Whether a tool runs, and in a version of at least `least`."""
    output = ask(host, argv)
    text = _version_text(output.stdout + output.stderr)
    if output.status == 127:
        return fail(f"{argv[0]} is not installed", install(package))
    if not text:
        return fail(f"{argv[0]}: {last_line(output)}", install(f"--reinstall {package}"))
    if version_in(text) < least:
        return fail(f"{argv[0]} {text} is older than {dotted(least)}", install(package))
    return ok(f"{argv[0]} {text}")
