"""What waits to be sent to one viewer: bounded, so that a slow one holds up nobody."""

from __future__ import annotations

import socket
from collections import deque

from backends.drivers.libvirt.frames import DATA, pack

# Bytes that may wait for a viewer before the oldest are dropped.
LIMIT = 1 << 20


class Outbox:
    """Frames for one socket. Over `LIMIT`, the oldest go and a mark says how many bytes went."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self._size = 0
        # The rest of a frame of which a part is sent: it cannot be dropped any more.
        self._begun = b""

    def __bool__(self) -> bool:
        return bool(self._begun or self._frames)

    def put(self, frame: bytes) -> None:
        """Add a frame at the end."""
        self._frames.append(frame)
        self._size += len(frame)
        if self._size > self._limit:
            self._drop()

    def send(self, sock: socket.socket) -> None:
        """Send what the socket takes without blocking. Raises OSError where it is broken."""
        while self:
            if not self._begun:
                self._begun = self._frames.popleft()
                self._size -= len(self._begun)
            try:
                sent = sock.send(self._begun)
            except BlockingIOError:
                return
            self._begun = self._begun[sent:]

    def _drop(self) -> None:
        dropped = 0
        while self._frames and self._size > self._limit // 2:
            frame = self._frames.popleft()
            self._size -= len(frame)
            dropped += len(frame)
        mark = pack(DATA, f"\r\n[{dropped} bytes skipped]\r\n".encode())
        self._frames.appendleft(mark)
        self._size += len(mark)
