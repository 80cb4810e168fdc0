"""Netlink (RFC 3549) as far as connection tracking needs it: a socket, attributes, dumps."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from backends.errors import MachineFailed

# linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h
CT_NEW, CT_GET, CT_DELETE, CT_STATS = 0x100, 0x101, 0x102, 0x105
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
CREATE, EXCLUDE = 0x400, 0x200
HEADER = 20  # bytes of nlmsghdr and nfgenmsg
NESTED = 0x8000
ERROR, DONE = 2, 3

_NETFILTER = 12
# The kernel fills at most this much at a time (af_netlink.c).
_DATAGRAM = 1 << 15
# What is received before it is decoded: enough to decode in bulk, little enough to stay cached.
BUFFER = 1 << 20
_NAMES = Path("/var/run/netns")
_NEW_NET = 0x40000000
_TIMEOUT = 30.0


def connect(
    namespace: str = "", *, groups: int = 0, room: int = 0, protocol: int = _NETFILTER
) -> socket.socket:
    """A netfilter socket in a named network namespace; the process's own where it is empty.

    `groups` are multicast groups as bits; `room` is its receive buffer in bytes; `protocol` is
    another of netlink(7).
    Raises MachineFailed `namespace.missing`, `conntrack.unreachable`.
    """
    try:
        made = _connect_inside(namespace, protocol) if namespace else _connect(protocol)
        if room:
            force = getattr(socket, "SO_RCVBUFFORCE", 33)  # beyond rmem_max, as root may
            made.setsockopt(socket.SOL_SOCKET, force, room)
        made.settimeout(_TIMEOUT)
        made.bind((0, groups))
    except OSError as error:
        raise MachineFailed(
            "conntrack.unreachable", f"the kernel's connections cannot be read: {error.strerror}"
        ) from None
    return made


def _connect(protocol: int) -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)


def _connect_inside(namespace: str, protocol: int) -> socket.socket:
    """A socket stays in the namespace it was made in: a thread enters that, and ends."""
    made: list[socket.socket | OSError] = []

    def enter() -> None:
        try:
            _enter(_NAMES / namespace)
            made.append(_connect(protocol))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=enter, name=f"enter {namespace}")
    thread.start()
    thread.join()
    if isinstance(made[0], FileNotFoundError):
        raise MachineFailed("namespace.missing", f"there is no network namespace {namespace}")
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _enter(path: Path) -> None:
    """setns(2) for the calling thread; os.setns comes with Python 3.12."""
    library = ctypes.CDLL(None, use_errno=True)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.setns(handle, _NEW_NET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute with its header, padded to four bytes."""
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def nested(kind: int, *values: bytes) -> bytes:
    """An attribute that holds others."""
    return attribute(kind | NESTED, b"".join(values))


def message(kind: int, flags: int, body: bytes = b"", *, family: int = 0, number: int = 1) -> bytes:
    """A message; `family` is AF_INET, AF_INET6 or 0 for both."""
    length = HEADER + len(body)
    return struct.pack("=IHHIIBBH", length, kind, flags | REQUEST, number, 0, family, 0, 0) + body


def dump(opened: socket.socket, request: bytes, buffer: bytearray) -> Iterator[int]:
    """Send a dump request and receive into `buffer`, again and again from its start.

    Yields how many bytes of it are whole messages, whenever it is full and at the end.
    Raises MachineFailed `conntrack.unreachable`.
    """
    view = memoryview(buffer)
    filled = 0
    limit = len(buffer) - _DATAGRAM
    try:
        opened.send(request)
        while True:
            got = opened.recv_into(view[filled:], _DATAGRAM)
            kind = int.from_bytes(view[filled + 4 : filled + 6], "little")
            if kind == DONE:
                break
            if kind == ERROR:
                _raise(view[filled : filled + got])
            filled += got
            if filled > limit:
                yield filled
                filled = 0
    except OSError as error:
        raise _failed(error) from None
    if filled:
        yield filled


def ask(opened: socket.socket, request: bytes) -> bytes:
    """Send a request and return its one answer; of an acknowledgement, nothing.

    Raises FileNotFoundError where there is no such entry; MachineFailed `conntrack.unreachable`.
    """
    try:
        opened.send(request)
        answer = opened.recv(_DATAGRAM)
        (kind,) = struct.unpack_from("=H", answer, 4)
        if kind != ERROR:
            return answer
        _raise(memoryview(answer))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _failed(error) from None
    return b""


def _raise(answer: memoryview) -> None:
    """An error message's errno as an exception; 0 is an acknowledgement."""
    (number,) = struct.unpack_from("=i", answer, 16)
    if number == -errno.ENOENT:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if number:
        raise OSError(-number, os.strerror(-number))


def _failed(error: OSError) -> MachineFailed:
    reason = error.strerror or "no answer in time"
    return MachineFailed("conntrack.unreachable", f"the kernel's connections: {reason}")
