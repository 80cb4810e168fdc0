"""ovs-ofctl(8) on a bridge's management socket.

ovs-vswitchd hangs up on whoever is silent for a second after connecting (lib/rconn.c,
`timeout_CONNECTING`), as happens on a machine that hardly gets on. Nothing was asked by then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from backends.hosts import Host, Output

T = TypeVar("T")

TRIES = 5
_TIMEOUT = 60.0
_HUNG_UP = re.compile(
    r"connect(ing)? to .*\((Connection reset by peer|Broken pipe|End of file)\)\s*$", re.MULTILINE
)


def run_ofctl(
    host: Host, run: Path, bridge: str, verb: tuple[str, ...], *words: str,
    stdin: str | None = None, reads: bool = False,
) -> Output:  # fmt: skip
    """What it said of `verb`, with its options, for this bridge; tried again where it was hung up
    on. A status other than 0 is the caller's to tell. Raises as `Host.run`."""
    # The bridge's own socket: the switch is the one whose folder it lies in.
    argv = ["ovs-ofctl", "-O", "OpenFlow14", *verb, f"unix:{run}/{bridge}.mgmt", *words]
    return ask_again(
        lambda: host.run(argv, stdin=stdin, timeout=_TIMEOUT, reads=reads, check=False),
        lambda done: done.status != 0 and _HUNG_UP.search(done.stderr) is not None,
    )


def ask_again(ask: Callable[[], T], hung_up: Callable[[T], bool] = lambda found: False) -> T:
    """What `ask` gives in the end; it is done again where it was hung up on.

    It raises so, or `hung_up` tells so of what it gave. The last try is whatever it is.
    """
    for _ in range(TRIES - 1):
        with suppress(ConnectionResetError, BrokenPipeError):
            found = ask()
            if not hung_up(found):
                return found
    return ask()


def said(done: Output) -> str:
    """Its last line."""
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    return lines[-1].removeprefix("ovs-ofctl: ")
