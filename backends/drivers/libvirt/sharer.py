"""The one reader of a guest's console: passes it to all viewers, and their keys to the guest."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from backends.drivers.libvirt import sharing
from backends.drivers.libvirt.connection import close_quietly
from backends.drivers.libvirt.console import Console, open_console
from backends.drivers.libvirt.console_log import SCROLLBACK, LogReader, tail
from backends.drivers.libvirt.events import open_with_events
from backends.drivers.libvirt.frames import DATA, NEW, STATE, pack
from backends.drivers.libvirt.outbox import Outbox
from backends.errors import QuarterdeckError
from backends.settings import Settings

if TYPE_CHECKING:
    import libvirt

ATTACHED = "attached"
STOPPED = "stopped"
UNREACHABLE = "unreachable"
_STATES = {
    "console.stopped": STOPPED,
    "console.busy": "busy",
    "libvirt.missing": "missing",
    "libvirt.foreign": "foreign",
}
_RETRY_SECONDS = 0.5
# How long the console is kept without a viewer.
_GRACE_SECONDS = 1.0
_KEYS = 4096
# Keys that the guest has not taken; over this its viewers have to wait.
_KEYS_PENDING = 64 * 1024


class _Client:
    """A viewer that is connected."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.outbox = Outbox()
        self.greeted = False


class Sharer(threading.Thread):
    """Reads the console while somebody looks. Holds `lock`, and lets go of it at its end."""

    def __init__(self, settings: Settings, instance_id: str, lock: int) -> None:
        super().__init__(name=f"console-{instance_id}", daemon=True)
        self._settings = settings
        self._id = instance_id
        self._lock = lock
        self._log = settings.console_log(instance_id)
        self._listener = sharing.listen(settings, instance_id)
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._arrived: deque[bytes] = deque()
        self._recent = b""
        self._connection: libvirt.virConnect | None = None
        self._console: Console | None = None
        self._ended = threading.Event()
        self._state = ""
        self._next_try = 0.0
        self._while_off: LogReader | None = None

    def run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        lonely_since = time.monotonic()
        try:
            self._try_open()
            self._recent = tail(self._log)
            while self._clients or time.monotonic() - lonely_since < _GRACE_SECONDS:
                self._turn()
                if self._clients:
                    lonely_since = time.monotonic()
        finally:
            self._close()

    def _turn(self) -> None:
        for key, events in self._selector.select(self._patience()):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._woken:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            else:
                self._serve(key.data, events)
        self._pass_on()
        if self._ended.is_set():
            self._ended.clear()
            self._console = None
            self._next_try = time.monotonic() + _RETRY_SECONDS
        if self._console is None and time.monotonic() >= self._next_try:
            self._try_open()
        for client in list(self._clients):
            self._watch(client)

    def _patience(self) -> float | None:
        """Seconds to wait for something to happen; None for ever."""
        if not self._clients:
            return _GRACE_SECONDS / 4
        if self._console is None:
            return max(0.0, self._next_try - time.monotonic())
        # Keys that wait for the guest are looked at again, as nothing tells when it took them.
        return 0.05 if self._console.pending > _KEYS_PENDING else None

    def _try_open(self) -> None:
        """Open the console if that can be done now; tell the viewers how it is."""
        self._next_try = time.monotonic() + _RETRY_SECONDS
        try:
            self._console = open_console(
                self._alive_connection(), self._id, self._settings.cloud, self._hear, self._end
            )
        except QuarterdeckError as error:
            if self._while_off is None:
                self._while_off = LogReader(self._log, back=0)
            self._tell(_STATES.get(error.code, UNREACHABLE))
            return
        self._tell(ATTACHED)
        if self._while_off is not None:
            # What the guest wrote between its start and now.
            while missed := self._while_off.read():
                self._broadcast(missed)
            self._while_off.close()
            self._while_off = None

    def _alive_connection(self) -> libvirt.virConnect:
        if self._connection is None or not self._connection.isAlive():
            self._connection = open_with_events(self._settings.libvirt_uri, read_only=False)
        return self._connection

    def _hear(self, data: bytes) -> None:
        """In libvirt's event thread."""
        self._arrived.append(data)
        self._wake()

    def _end(self) -> None:
        """In libvirt's event thread, or in ours when the console is closed."""
        self._ended.set()
        self._wake()

    def _wake(self) -> None:
        # A full buffer wakes as well; a closed socket has nobody left to wake.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _pass_on(self) -> None:
        while self._arrived:
            self._broadcast(self._arrived.popleft())

    def _broadcast(self, data: bytes) -> None:
        self._recent = (self._recent + data)[-SCROLLBACK:]
        frame = pack(DATA, data)
        for client in self._clients:
            if client.greeted:
                client.outbox.put(frame)

    def _tell(self, state: str) -> None:
        if state == self._state:
            return
        self._state = state
        for client in self._clients:
            if client.greeted:
                client.outbox.put(pack(STATE, state.encode()))

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            client = _Client(self._listener.accept()[0])
            self._clients.add(client)
            self._selector.register(client.sock, selectors.EVENT_READ, client)

    def _serve(self, client: _Client, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                keys = client.sock.recv(_KEYS)
                if not keys:
                    self._drop(client)
                    return
                self._take(client, keys)
            if events & selectors.EVENT_WRITE:
                client.outbox.send(client.sock)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)

    def _take(self, client: _Client, keys: bytes) -> None:
        if not client.greeted:
            client.greeted = True
            hello, keys = keys[:1], keys[1:]
            if hello == NEW and self._recent:
                client.outbox.put(pack(DATA, self._recent))
            client.outbox.put(pack(STATE, self._state.encode()))
        if keys and self._console is not None:
            self._console.write(keys)

    def _watch(self, client: _Client) -> None:
        """Listen to the viewer unless the guest takes no keys; send where something waits."""
        full = self._console is not None and self._console.pending > _KEYS_PENDING
        events = 0 if full else selectors.EVENT_READ
        if client.outbox:
            events |= selectors.EVENT_WRITE
        with contextlib.suppress(KeyError):
            self._selector.unregister(client.sock)
        if events:
            self._selector.register(client.sock, events, client)

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        with contextlib.suppress(KeyError):
            self._selector.unregister(client.sock)
        client.sock.close()

    def _close(self) -> None:
        """The socket goes before the lock, so that no viewer finds a sharer that is leaving."""
        sharing.forget(self._settings, self._id)
        self._selector.close()
        self._listener.close()
        for client in self._clients:
            client.sock.close()
        if self._console is not None:
            self._console.close()
        if self._connection is not None:
            close_quietly(self._connection)
        self._woken.close()
        self._waker.close()
        sharing.unlock(self._settings, self._id, self._lock)
