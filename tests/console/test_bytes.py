"""What the console sends to a real terminal: little for one change, nothing while it rests."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import recorded
from sqlalchemy import text

_PROGRAM = Path(__file__).parent / "paper_console.py"
_PATIENCE = 20.0
# So long without a byte is rest: longer than the second in which ages are looked at.
_REST = 1.5


class Terminal:
    """A console on a terminal of 200x50."""

    def __init__(self, access_root: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS="", LINES="")
            roots = [str(access_root / "state"), str(access_root / "run")]
            os.execv(sys.executable, [sys.executable, str(_PROGRAM), *roots])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

    def read(self, marker: bytes = b"") -> bytes:
        """What is sent until the marker came and the console rests."""
        sent, end = b"", time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], _REST)
            if ready:
                sent += os.read(self.fd, 1 << 16)
            elif marker in sent:
                return sent
        raise AssertionError(f"no rest after {marker!r}: {sent[-2000:]!r}")

    def press(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def end(self) -> bytes:
        """The rest of what is sent, and the process gone."""
        sent = b""
        try:
            while chunk := os.read(self.fd, 1 << 16):
                sent += chunk
        except OSError:
            pass  # Linux says so when the other side of a terminal is closed
        return sent


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    recorded.make(tmp_path, instances=2000)
    terminal = Terminal(tmp_path)
    yield terminal
    os.close(terminal.fd)
    try:
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def change(tmp_path: Path, statement: str) -> None:
    found = recorded.Recorded(
        recorded.Access(cloud="paper", state_root=tmp_path / "state", run_root=tmp_path / "run"),
        "",
        "",
    )
    store = found.write()
    with store.write() as session:
        session.execute(text(statement))
    store.close()


def test_one_changed_cell_is_few_bytes_and_rest_is_none(terminal: Terminal, tmp_path: Path) -> None:
    terminal.read(b"web-1003")
    # `read` has seen that nothing is sent while nothing happens.
    change(tmp_path, "UPDATE instance SET flavor_name = 'm1.changed' WHERE name = 'web-1001'")
    sent = terminal.read(b"m1.changed")
    assert len(sent) <= 400
    change(tmp_path, "UPDATE instance SET flavor_name = 'm1.unseen' WHERE name = 'web-999'")
    terminal.press(b"j")
    moved = terminal.read(b"web-0")
    assert len(moved) <= 1200
    assert b"m1.unseen" not in moved


def test_leaving_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.read(b"web-1003")
    terminal.press(b"q")
    last = terminal.end()
    assert b"\x1b[?1049l" in last  # the main screen again
    assert b"\x1b[?25h" in last  # with its cursor
    assert os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1]) == 0
