"""The dnsmasq process of one network: found, started, told, ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from backends.drivers.dnsmasq.config import CONFIG, PID
from backends.errors import MachineFailed
from backends.hosts import Host

# Seconds that it has to start, to end by itself, and to be gone after SIGKILL.
_DEADLINE = 5.0
_PULSE = 0.02


class Process:
    """A network's dnsmasq. It is ours only if its command line names our configuration file."""

    def __init__(self, host: Host, folder: Path, namespace: str) -> None:
        self._host = host
        self._folder = folder
        self._namespace = namespace
        self._argument = f"--conf-file={folder / CONFIG}"

    def pid(self) -> int | None:
        """The pid it wrote down, while it runs."""
        text = (self._host.read_text(self._folder / PID) or "").strip()
        return int(text) if text.isdigit() and self._is_ours(int(text)) else None

    def start(self) -> int:
        """Start it; returns its pid once it listens.

        dnsmasq(8) becomes a daemon only after its sockets are open and its pid is written.
        Raises MachineFailed `dhcp.failed` with its own words.
        """
        argv = ["ip", "netns", "exec", self._namespace, "dnsmasq", self._argument]
        done = self._host.run(argv, check=False)
        if done.status != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
            raise MachineFailed("dhcp.failed", f"DHCP in {self._namespace}: {lines[-1].strip()}")
        if not _wait(lambda: self.pid() is not None):
            raise MachineFailed("dhcp.failed", f"dnsmasq in {self._namespace} ended at once")
        pid = self.pid()
        assert pid is not None
        return pid

    def reload(self, pid: int) -> None:
        """Have it read its hosts, options and names again."""
        self._host.run(["kill", "-HUP", str(pid)])

    def stop(self) -> None:
        """End it, and any other that was started on our configuration. None is no error."""
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
        for signal in ("-TERM", "-KILL"):
            self._host.run(["kill", signal, str(pid)], check=False)
            if _wait(lambda: not self._is_ours(pid)):
                return
        raise MachineFailed("dhcp.failed", f"dnsmasq {pid} does not end, not even by SIGKILL")

    def _is_ours(self, pid: int) -> bool:
        words = (self._host.read_text(Path(f"/proc/{pid}/cmdline")) or "").split("\0")
        return Path(words[0]).name == "dnsmasq" and self._argument in words


def _wait(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within the deadline."""
    deadline = time.monotonic() + _DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PULSE)
    return True
