"""The kernel's connections, read: all of a namespace, or those the kernel is asked to pick."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from backends.drivers.conntrack.netlink import (
    BUFFER,
    CT_GET,
    CT_STATS,
    DUMP,
    HEADER,
    ask,
    attribute,
    connect,
    dump,
    message,
)

if TYPE_CHECKING:
    from backends.drivers.conntrack.table import Connections

_MARK, _ZONE, _MARK_MASK = 8, 18, 21
_ENTRIES = 1
_WHOLE = 0xFFFFFFFF


def read(
    namespace: str = "", *, zone: int | None = None, mark: int | None = None, family: int = 0
) -> Connections:
    """The connections of a network namespace (the process's own where it is empty).

    The kernel picks those of a zone, of a mark and of a family (AF_INET, AF_INET6). A kernel
    before 6.8 does not know the filter by zone and sends all; then they are picked here.
    Raises MachineFailed `conntrack.unreachable`, `namespace.missing`.
    """
    from backends.drivers.conntrack.decode import Decoder

    filters = b""
    if zone is not None:
        filters += attribute(_ZONE, struct.pack(">H", zone))
    if mark is not None:
        filters += attribute(_MARK, struct.pack(">I", mark))
        filters += attribute(_MARK_MASK, struct.pack(">I", _WHOLE))
    with connect(namespace) as opened:
        decoder = Decoder(0 if filters else count(namespace))
        buffer = bytearray(BUFFER)
        request = message(CT_GET, DUMP, filters, family=family)
        for size in dump(opened, request, buffer):
            decoder.take(buffer, size)
    found = decoder.connections()
    if zone is not None and not (found.zone == zone).all():
        return found.take(found.zone == zone)
    return found


def count(namespace: str = "") -> int:
    """How many connections there are. Raises as `read`."""
    with connect(namespace) as opened:
        answer = ask(opened, message(CT_STATS, 0))
    at = HEADER
    while at + 8 <= len(answer):
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == _ENTRIES:
            return int(struct.unpack_from(">I", answer, at + 4)[0])
        at += max(4, length + 3 & ~3)
    return 0
