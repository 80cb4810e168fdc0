"""What happens to the kernel's connections, as it happens (ctnetlink's multicast groups)."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.drivers.conntrack.netlink import CT_DELETE, CT_NEW, connect
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from backends.drivers.conntrack.table import Connections

# A burst of 190,000 a second does not overrun this.
_ROOM = 4 << 20
_NEW, _UPDATE, _DESTROY = 1, 2, 4
_CREATE = 0x400
# What is decoded at once: a few hundred messages.
_BUFFER = 1 << 18
_DATAGRAM = 1 << 13


@dataclass(frozen=True, slots=True)
class Happened:
    """Connections that began, changed and ended since the last look. `lost`: some were not told."""

    began: Connections
    changed: Connections
    ended: Connections
    lost: bool = False

    def __len__(self) -> int:
        return len(self.began) + len(self.changed) + len(self.ended)


class Listener:
    """Hears of the connections of one namespace. For one thread; a context manager.

    Where accounting of events is off (net.netfilter.nf_conntrack_events 0) nothing is heard.
    """

    def __init__(self, namespace: str = "", *, updates: bool = True) -> None:
        """Raises MachineFailed `conntrack.unreachable`, `namespace.missing`."""
        groups = _NEW | _DESTROY | (_UPDATE if updates else 0)
        self._socket: socket.socket = connect(namespace, groups=groups, room=_ROOM)
        self._buffer = bytearray(_BUFFER)

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """For select(2): readable when something happened."""
        return self._socket.fileno()

    @property
    def closed(self) -> bool:
        """Whether nothing more is heard."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()

    def wait(self, timeout: float) -> Happened:
        """What happened, as soon as something has; nothing after `timeout` seconds.

        Raises MachineFailed `conntrack.unreachable`.
        """
        size, lost = self._receive(timeout)
        return happened(self._buffer, size, lost=lost)

    def skim(self) -> bool:
        """Whether anything happened; what it was is not looked at. Raises as `wait`."""
        size, lost = self._receive(0)
        return bool(size) or lost

    def _receive(self, timeout: float) -> tuple[int, bool]:
        """How much of the buffer is told, and whether something was not."""
        size, lost = 0, False
        view = memoryview(self._buffer)
        self._socket.settimeout(timeout)
        try:
            while size <= _BUFFER - _DATAGRAM:
                size += self._socket.recv_into(view[size:], _DATAGRAM)
                self._socket.settimeout(0)
        except (BlockingIOError, TimeoutError):
            pass
        except OSError as error:
            # Told once when messages were lost; then it goes on.
            if error.errno != errno.ENOBUFS:
                raise MachineFailed(
                    "conntrack.unreachable", f"the kernel's connections: {error.strerror}"
                ) from None
            lost = True
        return size, lost


def happened(buffer: bytearray, size: int, *, lost: bool = False) -> Happened:
    """The messages in the first `size` bytes, by what they tell."""
    from backends.drivers.conntrack.decode import Decoder

    decoders = {kind: Decoder() for kind in ("began", "changed", "ended")}
    for kind, begin, end in _runs(buffer, size):
        decoders[kind].take(buffer[begin:end], end - begin)
    told = {kind: decoder.connections() for kind, decoder in decoders.items()}
    return Happened(**told, lost=lost)


def _runs(buffer: bytearray, size: int) -> Iterator[tuple[str, int, int]]:
    """Stretches of messages of one kind, so that few are decoded apart."""
    at = begin = 0
    current = ""
    while at + 16 <= size:
        length, type_, flags = struct.unpack_from("=IHH", buffer, at)
        if type_ == CT_NEW:
            kind = "began" if flags & _CREATE else "changed"
        else:
            kind = "ended" if type_ == CT_DELETE else ""
        if kind != current:
            if current:
                yield current, begin, at
            begin, current = at, kind
        at += length + 3 & ~3
    if current:
        yield current, begin, min(at, size)
