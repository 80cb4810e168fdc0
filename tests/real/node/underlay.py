"""The network that lab nodes lie on: a bridge of this machine with addresses of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tests.real.lab import run

_RUN = Path("/run/quarterdeck-nodes")
_NUMBERS = range(1, 250)


class Underlay:
    """10.213.N.0/24 on the bridge `qdnodeN`, this machine at .1, its root namespace and all.

    A number is held by a lock that goes with this process; who takes a number next takes away what
    a killed process left under it. Nothing is routed or translated: nodes reach this machine and
    one another. Close it after its nodes.
    """

    def __init__(self) -> None:
        self.number, self._lock = _take_number()
        self.folder = _RUN / str(self.number)  # what nodes keep, and their pids
        self.bridge = f"qdnode{self.number}"
        self._nodes = 0
        _sweep(self.folder, self.bridge)
        self.folder.mkdir(mode=0o700)
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"{self.host}/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")

    @property
    def host(self) -> str:
        """This machine's address as nodes see it."""
        return f"10.213.{self.number}.1"

    def plug(self) -> tuple[str, str, str]:
        """A new tap on the bridge: its name, and the address and MAC of the node behind it."""
        self._nodes += 1
        tap = f"qdtap{self.number}-{self._nodes}"
        run("ip", "tuntap", "add", tap, "mode", "tap")
        run("ip", "link", "set", tap, "master", self.bridge, "up")
        last = self._nodes + 10
        return tap, f"10.213.{self.number}.{last}", f"52:54:00:d5:{self.number:02x}:{last:02x}"

    def close(self) -> None:
        _sweep(self.folder, self.bridge)
        self._lock.close()


def _take_number() -> tuple[int, TextIO]:
    _RUN.mkdir(mode=0o700, exist_ok=True)
    for number in _NUMBERS:
        lock = (_RUN / f"{number}.lock").open("w")
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, lock
        lock.close()
    raise AssertionError("no underlay is free")


def _sweep(folder: Path, bridge: str) -> None:
    for pid in folder.glob("*/pid"):
        with suppress(OSError, ValueError):
            number = int(pid.read_text())
            if str(folder) in Path(f"/proc/{number}/cmdline").read_text():
                os.kill(number, signal.SIGKILL)
    links = {path.name for path in Path("/sys/class/net").iterdir()}
    for name in links:
        if name == bridge or name.startswith(f"{bridge.replace('node', 'tap')}-"):
            run("ip", "link", "delete", name)
    if folder.exists():
        shutil.rmtree(folder)
