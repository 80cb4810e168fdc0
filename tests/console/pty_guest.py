"""A real program under a real pseudo-terminal, as the guest of a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Sequence


class PtyGuest:
    """Runs `argv`; passes on what it writes, and takes what is typed."""

    def __init__(
        self,
        argv: Sequence[str],
        on_data: Callable[[bytes], None],
        *,
        size: tuple[int, int],
        term: str = "xterm-256color",
    ) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        environment = {"TERM": term, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PS1": "$ "}
        self._master = master
        self._on_data = on_data
        # A session of its own with this terminal in control, as a login gives.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *argv], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Type."""
        os.write(self._master, data)

    def close(self) -> None:
        """Hang up: the program ends, and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._thread.join()
        os.close(self._master)

    def _read(self) -> None:
        # The end of a pseudo-terminal is an input/output error (pty(7)).
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self._on_data(data)
