"""A lab guest's serial line: typed on, and read until what is awaited came."""

from __future__ import annotations

import re
import secrets
import threading
import time

from backends.drivers.libvirt.hub import attach
from backends.settings import Settings

BOOT = 180.0  # seconds for a boot: two when it has a processor for itself
DEADLINE = 60.0  # seconds for whatever is waited for, on a machine that others use too


class Guest:
    """One look at a guest's console. `seen` is all that came since the look began."""

    def __init__(self, settings: Settings, instance_id: str) -> None:
        self.id = instance_id
        self.seen = ""
        self._came = threading.Condition()
        self._viewer = attach(settings, instance_id, self._hear, lambda state: None)

    def wait_for(self, pattern: str, *, deadline: float = DEADLINE) -> re.Match[str]:
        """The first match of a regular expression in what the guest wrote."""
        end = time.monotonic() + deadline
        with self._came:
            while (match := re.search(pattern, self.seen)) is None:
                left = end - time.monotonic()
                assert left > 0, f"{pattern!r} did not come; last: {self.seen[-2000:]!r}"
                self._came.wait(left)
        return match

    def ready(self) -> str:
        """Wait until it has booted; gives the address it took."""
        return self.wait_for(r"lab: ready \S+ (\S+)\s", deadline=BOOT).group(1)

    def forget(self) -> None:
        """What came until now is not matched any more; for a guest that is off, or to be reset."""
        with self._came:
            self.seen = ""

    def disk(self, volume_id: str) -> str:
        """Wait until the volume is there; its device, which its serial tells (virtio: 20 signs)."""
        find = f"grep -l {volume_id[:20]} /sys/block/*/serial"
        self.run(f"until {find} >/dev/null 2>&1; do usleep 20000; done")
        return "/dev/" + self.run(find).split("/")[3]

    def run(self, command: str, *, deadline: float = DEADLINE) -> str:
        """Type a command and give what it prints; it must succeed."""
        status, output = self.attempt(command, deadline=deadline)
        assert status == 0, f"{command!r} ended with {status}: {output}"
        return output

    def attempt(self, command: str, *, deadline: float = DEADLINE) -> tuple[int, str]:
        """Type a command; its exit status and what it prints."""
        token = secrets.token_hex(4)
        # The quotes keep the echo of what is typed from looking like what is printed.
        self._viewer.write(f"echo B''{token}; {command}; echo E''{token} $?\n".encode())
        done = self.wait_for(rf"B{token}\r?\n((?s:.*?))E{token} (\d+)\s", deadline=deadline)
        return int(done.group(2)), done.group(1).replace("\r", "").strip("\n")

    def type(self, command: str) -> None:
        """Type a command whose end is not awaited."""
        self._viewer.write(command.encode() + b"\n")

    def close(self) -> None:
        self._viewer.close()

    def _hear(self, data: bytes) -> None:
        with self._came:
            self.seen += data.decode(errors="replace")
            self._came.notify_all()
