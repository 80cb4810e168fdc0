"""End one connection of the kernel's, and no other."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from socket import AF_INET6
from typing import TYPE_CHECKING

from backends.drivers.conntrack.netlink import (
    ACK,
    CT_DELETE,
    ask,
    attribute,
    connect,
    message,
    nested,
)

if TYPE_CHECKING:
    from backends.drivers.conntrack.connection import Connection

_ICMP, _ICMP6 = 1, 58
_ID, _ZONE = 12, 18


def end(connection: Connection, namespace: str = "") -> bool:
    """Delete the connection with these addresses, ports and zone, if it still has the same id.

    The id tells it from a later one between the same ends. False where it is not there any more.
    Raises MachineFailed `conntrack.unreachable`, `namespace.missing`.
    """
    body = (
        tuple_of(connection)
        + attribute(_ZONE, struct.pack(">H", connection.zone))
        + attribute(_ID, struct.pack(">I", connection.id))
    )
    with connect(namespace) as opened:
        try:
            ask(opened, message(CT_DELETE, ACK, body, family=connection.family))
        except FileNotFoundError:
            return False
    return True


def tuple_of(connection: Connection) -> bytes:
    """CTA_TUPLE_ORIG: who spoke first, and to whom."""
    source, destination = (ip_address(each).packed for each in connection.addresses[:2])
    first = 3 if connection.family == AF_INET6 else 1
    near, far = connection.ports[:2]
    number = attribute(1, bytes([connection.protocol]))
    if connection.protocol in (_ICMP, _ICMP6):
        base = 4 if connection.protocol == _ICMP else 7
        ends = (
            attribute(base, struct.pack(">H", near))
            + attribute(base + 1, bytes([far >> 8]))
            + attribute(base + 2, bytes([far & 0xFF]))
        )
    else:
        ends = attribute(2, struct.pack(">H", near)) + attribute(3, struct.pack(">H", far))
    return nested(
        1,
        nested(1, attribute(first, source), attribute(first + 1, destination)),
        nested(2, number, ends),
    )
