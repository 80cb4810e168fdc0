"""A console whose terminal is taken away ends, also where no signal tells it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import recorded

_PROGRAM = Path(__file__).parent / "paper_console.py"
_PATIENCE = 20.0


def test_a_console_without_a_terminal_ends(tmp_path: Path) -> None:
    recorded.make(tmp_path, instances=3)
    ours, theirs = pty.openpty()
    # A session of its own that never made this its terminal: the kernel sends it no SIGHUP.
    console = subprocess.Popen(
        [sys.executable, str(_PROGRAM), str(tmp_path / "state"), str(tmp_path / "run")],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )  # fmt: skip
    os.close(theirs)
    try:
        seen = b""
        while b"anchor" not in seen and b"Instances" not in seen:
            ready, _, _ = select.select([ours], [], [], _PATIENCE)
            assert ready, seen
            seen += os.read(ours, 1 << 16)
        os.close(ours)
        assert console.wait(_PATIENCE) == -signal.SIGHUP
    finally:
        console.kill()
        console.wait()
