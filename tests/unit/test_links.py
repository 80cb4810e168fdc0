"""Counters of interfaces as rtnetlink tells them."""

from __future__ import annotations

import struct

from backends.drivers.namespaces.links import Carried, link_of, read_links


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def test_a_name_and_its_bytes() -> None:
    stats = struct.pack("=24Q", 5, 6, 700, 800, *([0] * 20))
    told = attribute(3, b"qr-1\0") + attribute(4, b"\1\2\3\4") + attribute(23, stats)
    assert link_of(told) == ("qr-1", Carried(received=700, sent=800))


def test_half_of_it_is_nothing() -> None:
    assert link_of(attribute(3, b"qr-1\0")) is None
    assert link_of(b"") is None
    assert link_of(b"\0\0\0\0\0") is None


def test_a_namespace_that_is_not_there_has_none() -> None:
    assert read_links("qrouter-there-is-none-such") == {}
