"""What the guest wrote and nobody has parsed yet: from the viewer's thread to the screen's."""

from __future__ import annotations

import threading
from collections import deque

# Bytes that may wait; the writer is held up over it.
LIMIT = 256 * 1024


class Inflow:
    """Pieces of bytes in order. `put` blocks while too much waits; closing lets it go."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._room = threading.Condition()

    def put(self, data: bytes) -> bool:
        """Add bytes; whether there were none before, so that somebody must be told."""
        with self._room:
            self._room.wait_for(lambda: self._closed or self._size < self._limit)
            if self._closed:
                return False
            first = not self._pieces
            self._pieces.append(data)
            self._size += len(data)
            return first

    def take(self, most: int) -> bytes:
        """At most this many bytes; empty where none wait."""
        with self._room:
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > most:
                self._pieces.appendleft(piece[most:])
                piece = piece[:most]
            self._size -= len(piece)
            self._room.notify_all()
            return piece

    def __bool__(self) -> bool:
        with self._room:
            return bool(self._pieces)

    def close(self) -> None:
        """Take no more; whoever waits in `put` goes on."""
        with self._room:
            self._closed = True
            self._pieces.clear()
            self._room.notify_all()
