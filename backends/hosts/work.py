"""Long commands: what they print is heard as it comes, and they end when nobody wants them."""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence

from backends.errors import MachineFailed, Refused
from backends.hosts.base import Host, Output
from backends.hosts.local import ENVIRONMENT, LocalHost, command_error

_TICK = 0.25
_HOURS = 6 * 3600.0


def work(
    host: Host, argv: Sequence[str], hear: Callable[[str], None], timeout: float = _HOURS
) -> None:
    """Run `argv`; `hear` gets what it prints, and an empty text now and then, and may raise.

    The command is ended then. On another host it is heard when it is done. Raises what
    `Host.run` raises, and what `hear` raises.
    """
    if not isinstance(host, LocalHost):
        hear(host.run(argv, timeout=timeout).stdout)
        return
    if host.read_only:
        raise Refused("host.readonly", f"read-only: {argv[0]} would change the machine")
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=ENVIRONMENT,
            )
        except FileNotFoundError:
            text = f"{argv[0]} is not installed; run `quarterdeck doctor`"
            raise MachineFailed("host.command.missing", text) from None
        try:
            _listen(process, hear, time.monotonic() + timeout)
        finally:
            if process.poll() is None:
                process.kill()
            status = process.wait()
            if process.stdout is not None:
                process.stdout.close()
        complaints.seek(0)
        if status != 0:
            said = complaints.read().decode(errors="replace")
            raise command_error(argv[0], Output(status, "", said))


def _listen(process: subprocess.Popen[bytes], hear: Callable[[str], None], until: float) -> None:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if time.monotonic() > until:
                raise MachineFailed("host.command.timeout", "the command took too long")
            ready = selector.select(_TICK)
            data = os.read(process.stdout.fileno(), 4096) if ready else b""
            if ready and not data:
                process.wait(timeout=60)
                return
            hear(data.decode(errors="replace"))
