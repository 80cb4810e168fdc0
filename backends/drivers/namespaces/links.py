"""What the interfaces of a network namespace have carried, asked of the kernel (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from backends.drivers.conntrack.netlink import connect
from backends.errors import MachineFailed

_ROUTE = 0  # NETLINK_ROUTE
_NEW_LINK, _GET_LINK, _DONE, _ERROR = 16, 18, 3, 2
_REQUEST, _DUMP = 0x1, 0x300
_HEADER, _LINK = 16, 16
_NAME, _STATS = 3, 23  # IFLA_IFNAME, IFLA_STATS64
_BYTES = struct.Struct("=16xQQ")
_DATAGRAM = 1 << 15
_TIMEOUT = 2.0


class Carried(NamedTuple):
    """Bytes that an interface has received and sent, as its namespace sees it."""

    received: int
    sent: int


def read_links(namespace: str) -> dict[str, Carried]:
    """Every interface of a namespace by its name; none of one that is not there.

    Nothing is started for it: a socket is made in the namespace and asked.
    """
    with suppress(MachineFailed, OSError), connect(namespace, protocol=_ROUTE) as opened:
        opened.settimeout(_TIMEOUT)
        body = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
        head = struct.pack("=IHHII", _HEADER + len(body), _GET_LINK, _REQUEST | _DUMP, 1, 0)
        opened.send(head + body)
        return dict(_answers(opened))
    return {}


def _answers(opened: socket.socket) -> Iterator[tuple[str, Carried]]:
    while True:
        data = opened.recv(_DATAGRAM)
        at = 0
        while at + _HEADER <= len(data):
            length, kind = struct.unpack_from("=IH", data, at)
            if kind in (_DONE, _ERROR):
                return
            if kind == _NEW_LINK and (found := link_of(data[at + _HEADER + _LINK : at + length])):
                yield found
            at += max(length + 3 & ~3, _HEADER)


def link_of(attributes: bytes) -> tuple[str, Carried] | None:
    """An interface's name and counters; None where it does not tell both. Pure."""
    name, carried, at = "", None, 0
    while at + 4 <= len(attributes):
        size, kind = struct.unpack_from("=HH", attributes, at)
        if kind == _NAME:
            name = attributes[at + 4 : at + size].rstrip(b"\0").decode(errors="replace")
        elif kind == _STATS:
            carried = Carried(*_BYTES.unpack_from(attributes, at + 4))
        at += max(size + 3 & ~3, 4)
    return (name, carried) if name and carried is not None else None
