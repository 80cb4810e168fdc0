"""Notice that the terminal was taken away, where no signal says so."""

from __future__ import annotations

import os
import select
import signal
import sys


def is_gone(fd: int) -> bool:
    """Whether nobody is at the other side of a terminal any more (poll(2), POLLHUP)."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(event & (select.POLLHUP | select.POLLNVAL) for _, event in poll.poll(0))


def end_if_gone() -> None:
    """End as a hangup would, where a console without a terminal would read its end forever.

    A shell's children get SIGHUP from the kernel; one whose terminal is not its session's does not.
    What was being done is finished by whoever comes next, as after any kill.
    """
    if sys.__stdin__ is not None and is_gone(sys.__stdin__.fileno()):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGHUP)
