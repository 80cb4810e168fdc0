"""A process that does a script and kills itself at one point of it.

    python -m tests.real.life.crasher CLOUD SCRIPT [POINT]

Every call of the functions below is two points: just before and just after. Without POINT the
script is done to its end and the points are printed, one a line.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import backends.context
import backends.converge
import backends.drivers.qemu_img.rebase
import backends.drivers.qemu_img.transfer
from backends.access import Access
from backends.cloud import Cloud
from backends.drivers.libvirt.mirror import Mirror
from backends.drivers.machine import Machine
from backends.drivers.qemu_img.sandbox import Sandbox
from backends.errors import QuarterdeckError
from backends.hosts import LocalHost
from backends.hosts.ssh import SshHost
from backends.journal import Journal
from tests.real.life.scripts import SCRIPTS
from tests.real.storage.errands import ERRANDS

STEP = "step"
INSIDE = "inside:"
# Where to look up the function, its name, the word for it, and which argument says more.
_WATCHED: tuple[tuple[Any, str, str, int], ...] = (
    (Machine, "apply", STEP, 1),
    (Journal, "__enter__", "operation", 0),
    (Journal, "start", "note the start", 2),
    (Journal, "end", "note the end", 0),
    (Journal, "extend", "give time to undo", 0),
    (Journal, "close", "close the operation", 0),
    (Journal, "__exit__", "let go of the operation", 0),
    (backends.converge, "settle", "settle", 1),
    (backends.context, "doom", "doom", 1),
    # Inside steps that are made of several changes.
    (LocalHost, "run", INSIDE, 1),
    (SshHost, "run", INSIDE, 1),
    (SshHost, "pour", INSIDE, 1),
    (os, "replace", INSIDE, 1),
    (os, "rename", INSIDE, 1),
    (os, "link", INSIDE, 1),
    (Sandbox, "run", INSIDE, 2),
    (Mirror, "begin", f"{INSIDE} begin to copy", 1),
    (Mirror, "go_over", f"{INSIDE} go over to the copy", 1),
    (backends.drivers.qemu_img.transfer, "write_sparsely", INSIDE, 2),
    (backends.drivers.qemu_img.rebase, "follow", INSIDE, 0),
)


class Points:
    """Counts the points that are reached, and dies at the wanted one."""

    def __init__(self, deadly: int | None) -> None:
        self.deadly = deadly
        self.reached: list[str] = []

    def reach(self, text: str) -> None:
        if len(self.reached) == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.reached.append(text)

    def watch(self, owner: Any, name: str, word: str, argument: int) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def watched(*args: Any, **named: Any) -> Any:
            if named.get("reads"):
                return original(*args, **named)
            text = f"{word} {_words(args[argument])}".strip()
            self.reach(f"before {text}")
            try:
                return original(*args, **named)
            finally:
                self.reach(f"after {text}")

        setattr(owner, name, watched)


def _words(value: object) -> str:
    if isinstance(value, Journal):
        return value.operation.verb
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    text = getattr(value, "text", value)
    return str(text if isinstance(text, str) else getattr(value, "unit", value))


def main() -> None:
    name, script, *point = sys.argv[1:]
    cloud = Cloud.open(Access(cloud=name))
    points = Points(int(point[0]) if point else None)
    for each in _WATCHED:
        points.watch(*each)
    try:
        {**SCRIPTS, **ERRANDS}[script](cloud)
    except QuarterdeckError as error:
        print(error.code, file=sys.stderr)
    print("\n".join(points.reached))


if __name__ == "__main__":
    main()
