"""A program on a terminal of our own: what it writes, and when."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Sequence
from subprocess import Popen

COLUMNS, LINES = 160, 45


class Terminal:
    """Runs a program on a fresh pseudo-terminal; `output` is all that it wrote until now."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        more = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
        self.output = b""
        self.began = time.perf_counter()
        self._program = Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, env=more | environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def until(self, marker: bytes, patience: float = 15.0) -> float:
        """Milliseconds from the start until the marker was written. Raises TimeoutError."""
        while marker not in self.output:
            if not self._read(patience):
                raise TimeoutError(f"{marker!r} was not written; {self.output[-300:]!r}")
        return (time.perf_counter() - self.began) * 1000

    def settle(self, quiet: float = 1.5) -> int:
        """Read until nothing came for so many seconds; how many bytes there were."""
        before = len(self.output)
        while self._read(quiet):
            pass
        return len(self.output) - before

    def listen(self, seconds: float) -> int:
        """How many bytes come within so many seconds."""
        before, end = len(self.output), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)
        return len(self.output) - before

    def press(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self._ours, keys)

    def close(self) -> None:
        """End the program."""
        self._program.kill()
        self._program.wait()
        os.close(self._ours)

    def _read(self, patience: float) -> int:
        if not select.select([self._ours], [], [], patience)[0]:
            return 0
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:
            return 0
        self.output += data
        return len(data)
