"""The terminal as a guest's serial line, on a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import termios
import threading
from collections.abc import Iterator

import pytest

from console.commands.serial import DETACH, Bridge


class Recorder:
    """A line that keeps what is typed and says when something came."""

    def __init__(self) -> None:
        self.typed = b""
        self.came = threading.Event()

    def write(self, data: bytes) -> None:
        self.typed += data
        self.came.set()

    def close(self) -> None:
        pass


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def start(
    bridge: Bridge, line: Recorder, *, may_write: bool = True
) -> tuple[threading.Thread, list[str]]:
    ended: list[str] = []
    thread = threading.Thread(target=lambda: ended.append(bridge.run(line, may_write=may_write)))
    thread.start()
    while termios.tcgetattr(bridge.keys)[3] & termios.ICANON:
        thread.join(0.01)
    return thread, ended


def test_keys_go_in_bytes_come_out_and_the_detach_key_leaves(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    bridge, line = Bridge(theirs, theirs), Recorder()
    thread, ended = start(bridge, line)
    bridge.note("attached")
    bridge.show(b"\x1b[31mlogin: ")
    assert os.read(ours, 100) == b"\x1b[31mlogin: "
    os.write(ours, b"root\r\x03")
    assert line.came.wait(5)
    os.write(ours, b"x" + DETACH + b"not this")
    thread.join(5)
    bridge.close()
    assert ended == ["attached"]
    # Raw: the carriage return and ctrl-C are the guest's.
    assert line.typed == b"root\r\x03x"
    assert termios.tcgetattr(theirs) == before


@pytest.mark.parametrize("state", ["busy", "missing", "foreign"])
def test_a_line_that_cannot_be_had_ends_it(terminal: tuple[int, int], state: str) -> None:
    bridge = Bridge(terminal[1], terminal[1])
    thread, ended = start(bridge, Recorder())
    bridge.note(state)
    thread.join(5)
    bridge.close()
    assert ended == [state]


def test_who_may_only_look_types_nothing(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    bridge, line = Bridge(theirs, theirs), Recorder()
    thread, _ = start(bridge, line, may_write=False)
    os.write(ours, b"rm" + DETACH)
    thread.join(5)
    bridge.close()
    assert line.typed == b""
