"""A table of connections in a namespace of the benchmarks' own, made by netlink in batches."""

from __future__ import annotations

import secrets
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.drivers.conntrack.netlink import (
    CREATE,
    CT_NEW,
    EXCLUDE,
    attribute,
    connect,
    message,
    nested,
)

_LIMIT = Path("/proc/sys/net/netfilter/nf_conntrack_max")
_BATCH = 200
_TCP, _UDP = 6, 17
_ESTABLISHED = 3
_CONFIRMED_ASSURED = 0xE


@contextmanager
def namespace(count: int, zones: int) -> Iterator[str]:
    """A namespace that holds `count` connections, spread evenly over `zones` zones from 1 on.

    The limit of entries belongs to the first namespace: it is raised meanwhile and put back.
    """
    name = f"qdbench-{secrets.token_hex(3)}"
    limit = _LIMIT.read_text()
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        _LIMIT.write_text(str(max(int(limit), count * 2)))
        fill(name, count, zones)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
        _LIMIT.write_text(limit)


def fill(name: str, count: int, zones: int) -> None:
    """Make the entries: four of five TCP, the others UDP; one of ten marked 1."""
    with connect(name, room=4 << 20) as opened:
        for begin in range(0, count, _BATCH):
            numbers = range(begin, min(begin + _BATCH, count))
            opened.send(b"".join(entry(number, zones) for number in numbers))
        opened.setblocking(False)
        try:
            refused = opened.recv(4096)
        except BlockingIOError:
            return
        raise OSError(-struct.unpack_from("=i", refused, 16)[0], "an entry was refused")


def entry(number: int, zones: int) -> bytes:
    """The message that makes the connection of this number, between addresses of 10.0.0.0/8."""
    protocol = _UDP if number % 5 == 4 else _TCP
    client = struct.pack(">I", 0x0A000000 | number // 50_000 << 8 | 2)
    server = struct.pack(">I", 0x0A400000 | number % 250 + 1)
    near, far = struct.pack(">H", number % 50_000 + 10_000), struct.pack(">H", 443)
    parts = [
        _tuple(1, protocol, client, server, near, far),
        _tuple(2, protocol, server, client, far, near),
        attribute(3, struct.pack(">I", _CONFIRMED_ASSURED)),
        attribute(7, struct.pack(">I", 86_400)),
        attribute(8, struct.pack(">I", int(number % 10 == 0))),
        attribute(18, struct.pack(">H", number % zones + 1)),
    ]
    if protocol == _TCP:
        parts.append(nested(4, nested(1, attribute(1, bytes([_ESTABLISHED])))))
    return message(CT_NEW, CREATE | EXCLUDE, b"".join(parts), family=socket.AF_INET)


def _tuple(
    kind: int, protocol: int, source: bytes, destination: bytes, near: bytes, far: bytes
) -> bytes:
    return nested(
        kind,
        nested(1, attribute(1, source), attribute(2, destination)),
        nested(2, attribute(1, bytes([protocol])), attribute(2, near), attribute(3, far)),
    )
