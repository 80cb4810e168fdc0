"""A process in a namespace that outlives us: found, started, ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from backends.errors import MachineFailed
from backends.hosts import Host

# Seconds that it has to listen, and to be gone after SIGKILL, on a machine that hardly gets on; and
# to end by itself.
_DEADLINE = 30.0
_GRACE = 5.0
_PULSE = 0.02


class Daemon:
    """One process. It is ours only if its command line has our program and our last argument.

    `argv` is how it is started in `namespace`; `pid_file` is where it writes its pid down once it
    listens. Failures carry the code `<noun>.failed`.
    """

    def __init__(
        self, host: Host, namespace: str, argv: tuple[str, ...], pid_file: Path, noun: str
    ) -> None:
        self._host = host
        self._namespace = namespace
        self._argv = argv
        self._pid_file = pid_file
        self._noun = noun

    def pid(self) -> int | None:
        """The pid it wrote down, while it runs."""
        text = (self._host.read_text(self._pid_file) or "").strip()
        return int(text) if text.isdigit() and self._is_ours(int(text)) else None

    def start(self) -> int:
        """Start it; returns its pid once it listens.

        Raises MachineFailed with its own words.
        """
        argv = ["ip", "netns", "exec", self._namespace, *self._argv]
        done = self._host.run(argv, check=False)
        if done.status != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
            raise self._failed(f"in {self._namespace}: {lines[-1].strip()}")
        if not _wait(lambda: self.pid() is not None, _DEADLINE):
            said = f"{self._argv[0]} does not listen after {_DEADLINE:g} s"
            raise self._failed(f"in {self._namespace}: {said}")
        pid = self.pid()
        assert pid is not None
        return pid

    def reload(self, pid: int) -> None:
        """Have it read again what it reads at SIGHUP."""
        self._host.run(["kill", "-HUP", str(pid)])

    def stop(self) -> None:
        """End it, and any other that was started alike. None is no error."""
        for pid in self._all():
            self._end(pid)

    def _all(self) -> list[int]:
        """Also one that lives without a pid file, as its starter was killed half way."""
        done = self._host.run(["ip", "netns", "pids", self._namespace], reads=True, check=False)
        pids = {int(word) for word in done.stdout.split() if word.isdigit()}
        if (noted := self.pid()) is not None:
            pids.add(noted)
        return sorted(pid for pid in pids if self._is_ours(pid))

    def _end(self, pid: int) -> None:
        for signal, seconds in (("-TERM", _GRACE), ("-KILL", _DEADLINE)):
            self._host.run(["kill", signal, str(pid)], check=False)
            if _wait(lambda: not self._is_ours(pid), seconds):
                return
        raise self._failed(f"{self._argv[0]} {pid} does not end, not even by SIGKILL")

    def _failed(self, text: str) -> MachineFailed:
        return MachineFailed(f"{self._noun}.failed", f"{self._noun} {text}")

    def _is_ours(self, pid: int) -> bool:
        words = (self._host.read_text(Path(f"/proc/{pid}/cmdline")) or "").split("\0")
        return Path(words[0]).name == self._argv[0] and self._argv[-1] in words


def at_home(host: Host, pids: Mapping[int, str]) -> frozenset[int]:
    """Those that are in the namespace that now bears the name they belong to.

    A process outlives the name of its namespace, and then serves nobody. One stat(1) tells for
    all of them.
    """
    if not pids:
        return frozenset()
    of_process = {pid: f"/proc/{pid}/ns/net" for pid in pids}
    of_name = {pid: f"/var/run/netns/{name}" for pid, name in pids.items()}
    argv = ["stat", "-L", "-c", "%n %d:%i", *of_process.values(), *of_name.values()]
    done = host.run(argv, reads=True, check=False)
    inode = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    return frozenset(
        pid
        for pid in pids
        if of_name[pid] in inode and inode.get(of_process[pid]) == inode[of_name[pid]]
    )


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition comes true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PULSE)
    return True
