"""Looking at a guest's console, however many look, from however many processes.

A guest's line has one reader (two would split its bytes). The first viewer's process becomes its
sharer; the others connect to it; when it goes, one of them takes over.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Callable

from backends.drivers.libvirt import sharing
from backends.drivers.libvirt.console_log import LogReader
from backends.drivers.libvirt.frames import BACK, DATA, NEW, Unpacker
from backends.drivers.libvirt.sharer import UNREACHABLE, Sharer
from backends.errors import Refused
from backends.settings import Settings

OnData = Callable[[bytes], None]
OnState = Callable[[str], None]

FOLLOWING = "following"
_CHUNK = 64 * 1024
_RETRY_SECONDS = 0.05
_RETRY_AFTER_ERROR_SECONDS = 1.0
_FOLLOW_SECONDS = 0.2
# Keys that may wait to be sent, in bytes; what is typed beyond is dropped.
_KEYS_LIMIT = 256 * 1024


class Viewer:
    """One look at a guest's console, in a thread of its own until it is closed.

    `on_data` gets what the guest writes (first: what it wrote before, at most 64 KiB), `on_state`
    one of `attached`, `stopped`, `busy` (a stranger reads the line), `missing`, `foreign` and
    `unreachable`. Both run in the viewer's thread; a slow one loses old bytes, with a mark.
    """

    def __init__(
        self, settings: Settings, instance_id: str, on_data: OnData, on_state: OnState
    ) -> None:
        self._settings = settings
        self._id = instance_id
        self._on_data = on_data
        self._on_state = on_state
        self._keys = bytearray()
        self._seen = False
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"viewer-{instance_id}", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Send keys to the guest. Never blocks."""
        with self._lock:
            if len(self._keys) + len(data) <= _KEYS_LIMIT:
                self._keys += data
        self._wake()

    def close(self) -> None:
        """Stop looking; no callback comes after it (unless it is called from one)."""
        self._closed.set()
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _wake(self) -> None:
        # A full buffer wakes as well; a closed socket has nobody left to wake.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                try:
                    sock = self._meet()
                except OSError:
                    self._on_state(UNREACHABLE)
                    self._closed.wait(_RETRY_AFTER_ERROR_SECONDS)
                    continue
                if sock is None:
                    self._closed.wait(_RETRY_SECONDS)
                    continue
                with sock, contextlib.suppress(ConnectionError):
                    sock.sendall(BACK if self._seen else NEW)
                    self._look(sock)
        finally:
            self._woken.close()
            self._waker.close()

    def _meet(self) -> socket.socket | None:
        """A connection to the sharer, who may be this process; None: try again soon."""
        sock = sharing.connect(self._settings, self._id)
        if sock is None:
            lock = sharing.try_lock(self._settings, self._id)
            if lock is not None:
                try:
                    Sharer(self._settings, self._id, lock).start()
                except OSError:
                    os.close(lock)
                    raise
                sock = sharing.connect(self._settings, self._id)
        return sock

    def _look(self, sock: socket.socket) -> None:
        """Until the sharer goes or the viewer is closed."""
        sock.setblocking(False)
        unpacker = Unpacker()
        last_state = ""
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_READ)
            while not self._closed.is_set():
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._keys else 0)
                selector.modify(sock, events)
                selector.select()
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
                self._send_keys(sock)
                try:
                    chunk = sock.recv(_CHUNK)
                except BlockingIOError:
                    continue
                if not chunk:
                    return
                self._seen = True
                for kind, body in unpacker.feed(chunk):
                    if self._closed.is_set():
                        return
                    if kind == DATA:
                        self._on_data(body)
                    elif (state := body.decode()) != last_state:
                        last_state = state
                        self._on_state(state)

    def _send_keys(self, sock: socket.socket) -> None:
        with self._lock:
            if not self._keys:
                return
            with contextlib.suppress(BlockingIOError):
                sent = sock.send(self._keys)
                del self._keys[:sent]


class LogViewer:
    """A look that cannot type: follows the console's log. The read-only side of `Viewer`."""

    def __init__(
        self, settings: Settings, instance_id: str, on_data: OnData, on_state: OnState
    ) -> None:
        self._path = settings.console_log(instance_id)
        self._on_data = on_data
        self._on_state = on_state
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"viewer-{instance_id}", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Raises Refused `console.readonly`."""
        raise Refused("console.readonly", "read-only: nothing can be typed into the console")

    def close(self) -> None:
        """Stop looking; no callback comes after it (unless it is called from one)."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        reader = LogReader(self._path)
        self._on_state(FOLLOWING)
        while not self._closed.is_set():
            if data := reader.read():
                self._on_data(data)
            else:
                self._closed.wait(_FOLLOW_SECONDS)
        reader.close()


class ConsoleHub:
    """The consoles of one cloud's guests."""

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self._settings = settings
        self._read_only = read_only

    def attach(self, instance_id: str, on_data: OnData, on_state: OnState) -> Viewer | LogViewer:
        """Look at a guest's console; read-only, at its log."""
        kind = LogViewer if self._read_only else Viewer
        return kind(self._settings, instance_id, on_data, on_state)


def attach(settings: Settings, instance_id: str, on_data: OnData, on_state: OnState) -> Viewer:
    """Look at a guest's console and type into it."""
    return Viewer(settings, instance_id, on_data, on_state)


def follow_log(
    settings: Settings, instance_id: str, on_data: OnData, on_state: OnState
) -> LogViewer:
    """Look at a guest's console by its log, without touching libvirt."""
    return LogViewer(settings, instance_id, on_data, on_state)
