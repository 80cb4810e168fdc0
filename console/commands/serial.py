"""The terminal as an instance's serial console: raw, until ctrl-] is pressed."""

from __future__ import annotations

import os
import queue
import selectors
import sys
import termios
import tty
from typing import TYPE_CHECKING, Protocol

from backends.errors import MachineFailed, Usage
from console.commands.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

DETACH = b"\x1d"  # ctrl-], as telnet(1) and virsh(1) have it
_CHUNK = 4096
# What ends the look at once: somebody else's line, or none.
_FATAL = ("busy", "missing", "foreign")


class Line(Protocol):
    """A guest's serial line, as the hub hands it out."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def attach(job: Job) -> None:
    """Type into the guest until ctrl-].

    Raises Usage without a terminal, MachineFailed `console.*`.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage(
            "usage.terminal", "a console takes a terminal; see `quarterdeck console log show`"
        )
    from backends.drivers.libvirt.hub import ConsoleHub

    instance = job.cloud.instances.show(job.args.name)
    hub = ConsoleHub(job.cloud.settings, read_only=not job.cloud.caller.writes)
    job.say(f"console of {instance.name}; ctrl-] leaves it")
    bridge = Bridge(sys.stdin.fileno(), sys.stdout.fileno())
    line = hub.attach(instance.id, bridge.show, bridge.note)
    try:
        state = bridge.run(line, may_write=job.cloud.caller.writes)
    finally:
        line.close()
        bridge.close()
    if state in _FATAL:
        raise MachineFailed(f"console.{state}", f"the console of {instance.name} is {state}")


class Bridge:
    """Carries keys to the line and the guest's bytes to the terminal."""

    def __init__(self, keys: int, screen: int) -> None:
        self.keys = keys
        self._screen = screen
        self._states: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._woken, self._waker = os.pipe()

    def show(self, data: bytes) -> None:
        """The guest's bytes. Runs in the line's thread."""
        while data:
            data = data[os.write(self._screen, data) :]

    def note(self, state: str) -> None:
        """The line's state changed. Runs in the line's thread."""
        self._states.put(state)
        os.write(self._waker, b"\0")

    def run(self, line: Line, *, may_write: bool) -> str:
        """Until ctrl-], the end of the keys, or a state that ends it; returns the last state."""
        before = termios.tcgetattr(self.keys)
        tty.setraw(self.keys, termios.TCSADRAIN)
        try:
            return self._loop(line.write if may_write else None)
        finally:
            termios.tcsetattr(self.keys, termios.TCSADRAIN, before)
            os.write(self._screen, b"\r\n")

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._woken)
        os.close(self._waker)

    def _loop(self, write: Callable[[bytes], None] | None) -> str:
        state = ""
        with selectors.DefaultSelector() as selector:
            selector.register(self.keys, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._woken in ready:
                    os.read(self._woken, _CHUNK)
                    while not self._states.empty():
                        state = self._states.get()
                        if state in _FATAL:
                            return state
                        if state in ("stopped", "unreachable"):
                            os.write(self._screen, f"\r\n[{state}]\r\n".encode())
                if self.keys in ready:
                    data = os.read(self.keys, _CHUNK)
                    typed, leave, _ = data.partition(DETACH)
                    if typed and write is not None:
                        write(typed)
                    if leave or not data:
                        return state
