"""What a console's sharer says to its viewers: frames of a kind, a length and a body."""

from __future__ import annotations

import struct
from collections.abc import Iterator

DATA = b"D"
STATE = b"S"
# A viewer's first byte: new (send the scrollback) or back after its sharer went.
NEW = b"N"
BACK = b"B"

_HEAD = struct.Struct(">cI")


def pack(kind: bytes, body: bytes) -> bytes:
    """One frame."""
    return _HEAD.pack(kind, len(body)) + body


class Unpacker:
    """Puts frames together again from chunks of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames `(kind, body)` that this chunk completes."""
        self._buffer += chunk
        while len(self._buffer) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer)
            if len(self._buffer) < _HEAD.size + length:
                return
            body = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
            del self._buffer[: _HEAD.size + length]
            yield kind, body
