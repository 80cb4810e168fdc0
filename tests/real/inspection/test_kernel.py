"""The kernel's table by netlink: read, picked, listened to and ended, in namespaces of its own."""

from __future__ import annotations

import secrets
import socket
import struct
from collections import Counter
from collections.abc import Iterator

import pytest

from backends.drivers.conntrack import ending, reading
from backends.drivers.conntrack.connection import Connection
from backends.drivers.conntrack.ending import tuple_of
from backends.drivers.conntrack.events import Listener
from backends.drivers.conntrack.netlink import (
    CREATE,
    CT_NEW,
    EXCLUDE,
    attribute,
    connect,
    message,
    nested,
)
from backends.errors import MachineFailed
from benchmarks import entries
from tests.real.lab import run

COUNT, ZONES = 2_000, 10


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"qdct-{secrets.token_hex(3)}"
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    yield name
    run("ip", "netns", "delete", name)


def make(name: str, connection: Connection) -> None:
    """An entry of any protocol, its reply as the ends are told."""
    source, destination, answering, answered = connection.addresses
    near, far, answer, answered_port = connection.ports
    back = Connection(
        connection.family,
        connection.protocol,
        (answering, answered, source, destination),
        (answer, answered_port, near, far),
    )
    reply = bytearray(tuple_of(back))
    reply[0:4] = nested(2, bytes(len(reply) - 4))[:4]
    body = (
        tuple_of(connection)
        + bytes(reply)
        + attribute(3, struct.pack(">I", connection.status))
        + attribute(7, struct.pack(">I", 600))
        + attribute(8, struct.pack(">I", connection.mark))
        + attribute(18, struct.pack(">H", connection.zone))
    )
    if connection.protocol == 6:
        body += nested(4, nested(1, attribute(1, bytes([connection.state]))))
    with connect(name) as opened:
        opened.send(message(CT_NEW, CREATE | EXCLUDE | 4, body, family=connection.family))
        answer_bytes = opened.recv(4096)
    assert struct.unpack_from("=i", answer_bytes, 16) == (0,)


V4, V6 = socket.AF_INET, socket.AF_INET6
PLAIN = ("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.1")
LONG = ("fd00::1", "fd00:1:2:3:4:5:6:7", "fd00:1:2:3:4:5:6:7", "fd00::1")
KINDS = {
    "tcp": Connection(V4, 6, PLAIN, (40000, 22, 22, 40000), 5, 1, 0xE, state=3),
    "udp over IPv6": Connection(V6, 17, LONG, (53000, 53, 53, 53000), 65535, 0xFFFFFFFF, 0x8),
    "ping": Connection(V4, 1, PLAIN, (77, 8 << 8, 77, 0), 0, 0, 0xA),
    "ping over IPv6": Connection(V6, 58, LONG, (78, 128 << 8, 78, 129 << 8), 7, 2, 0xA),
    "sctp": Connection(V4, 132, PLAIN, (1, 2, 2, 1), 1, 0, 0x8),
    "destination nat": Connection(
        V4, 6, ("1.1.1.1", "2.2.2.2", "3.3.3.3", "1.1.1.1"), (9, 80, 8080, 9), 0, 0, 0xE, state=2
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_as_it_was_made_and_ended(namespace: str, kind: str) -> None:
    made = KINDS[kind]
    make(namespace, made)
    (found,) = reading.read(namespace).rows()
    for name in ("family", "protocol", "addresses", "ports", "zone", "mark"):
        assert getattr(found, name) == getattr(made, name), name
    assert found.timeout in range(590, 601)
    if made.protocol == 6:
        assert found.state == made.state
    wrong = Connection(**{**{n: getattr(found, n) for n in found.__slots__}, "id": found.id ^ 1})
    assert not ending.end(wrong, namespace)
    assert reading.count(namespace) == 1
    assert ending.end(found, namespace)
    assert reading.count(namespace) == 0
    assert not ending.end(found, namespace)


def test_many_of_several_kinds_are_all_read(namespace: str) -> None:
    for each in KINDS.values():
        make(namespace, each)
    entries.fill(namespace, COUNT, ZONES)
    table = reading.read(namespace)
    assert len(table) == COUNT + len(KINDS) == reading.count(namespace)
    ends = {(row.protocol, row.addresses, row.ports) for row in table.rows()}
    assert len(ends) == len(table)
    assert {(each.protocol, each.addresses, each.ports) for each in KINDS.values()} <= ends
    assert Counter(table.protocol.tolist())[17] == COUNT // 5 + 1


def test_the_kernel_picks_by_zone_and_mark_and_family(namespace: str) -> None:
    entries.fill(namespace, COUNT, ZONES)
    make(namespace, KINDS["udp over IPv6"])
    zone = reading.read(namespace, zone=3)
    assert len(zone) == COUNT // ZONES
    assert set(zone.zone.tolist()) == {3}
    assert len(reading.read(namespace, mark=1)) == COUNT // 10
    assert len(reading.read(namespace, family=V6)) == 1
    assert len(reading.read(namespace, zone=999)) == 0


def test_two_namespaces_do_not_mix(namespace: str) -> None:
    other = f"qdct-{secrets.token_hex(3)}"
    run("ip", "netns", "add", other)
    try:
        entries.fill(namespace, 50, 1)
        assert (reading.count(namespace), reading.count(other)) == (50, 0)
        assert len(reading.read(other)) == 0
    finally:
        run("ip", "netns", "delete", other)
    with pytest.raises(MachineFailed, match="no network namespace"):
        reading.read(other)


def test_what_begins_and_ends_is_heard_of_without_loss(namespace: str) -> None:
    with Listener(namespace) as listener:
        entries.fill(namespace, COUNT, ZONES)
        began, lost = 0, False
        while began < COUNT:
            heard = listener.wait(10.0)
            assert len(heard), "nothing more was heard"
            began, lost = began + len(heard.began), lost or heard.lost
        first = next(reading.read(namespace, zone=1).rows())
        ending.end(first, namespace)
        heard = listener.wait(10.0)
        assert [row.addresses for row in heard.ended.rows()] == [first.addresses]
        assert not lost
        assert len(listener.wait(0.0)) == 0
