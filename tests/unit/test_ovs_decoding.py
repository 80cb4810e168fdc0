"""What flows match and do, decoded from the bytes that the switch sends."""

from __future__ import annotations

import struct

import pytest

from backends.drivers.ovs import actions, match
from backends.drivers.ovs.flow_table import FlowTable

STANDARD, NICIRA = 0x8000, 0x0001


def oxm(kind: int, number: int, value: int, size: int, mask: int | None = None) -> bytes:
    """One field as OXM has it."""
    masked = mask is not None
    header = kind << 16 | number << 9 | masked << 8 | size * (1 + masked)
    tail = b"" if mask is None else mask.to_bytes(size)
    return header.to_bytes(4) + value.to_bytes(size) + tail


def eth(type_: int) -> bytes:
    return oxm(STANDARD, 5, type_, 2)


def protocol(number: int) -> bytes:
    return oxm(STANDARD, 10, number, 1)


IP, IP6 = eth(0x0800), eth(0x86DD)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (IP, "ip"),
        (IP + protocol(6), "tcp"),
        (IP6 + protocol(6), "tcp6"),
        (IP + protocol(47), "ip,nw_proto=47"),
        (eth(0x1234), "dl_type=0x1234"),
        (IP + protocol(6) + oxm(STANDARD, 14, 80, 2), "tcp,tp_dst=80"),
        (IP + protocol(6) + oxm(STANDARD, 14, 0x50, 2, 0xFFF0), "tcp,tp_dst=0x50/0xfff0"),
        (oxm(NICIRA, 105, 0x22, 4, 0x2B), "ct_state=-new+est-rpl+trk"),
        (oxm(NICIRA, 5, 9, 4) + oxm(NICIRA, 107, 1, 4), "ct_mark=0x1,reg5=0x9"),
        (oxm(NICIRA, 107, 0, 4), "ct_mark=0"),
        (oxm(STANDARD, 6, 0x1005, 2), "dl_vlan=5"),
        (oxm(STANDARD, 6, 0, 2, 0x1000), "vlan_tci=0x0000/0x1000"),
        (oxm(STANDARD, 3, 1 << 40, 6, 1 << 40),
         "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"),
        (IP + oxm(STANDARD, 11, 0x0A000000, 4, 0xFF000000), "ip,nw_src=10.0.0.0/8"),
        (IP6 + oxm(STANDARD, 27, 0xFE80 << 112, 16, 0xFFC0 << 112), "ipv6,ipv6_dst=fe80::/10"),
        (oxm(STANDARD, 0, 0xFFFFFFFE, 4), "in_port=LOCAL"),
        (oxm(NICIRA, 37, 77, 4), "conj_id=77"),
        (oxm(NICIRA, 99, 7, 2), "field_0x1_99=0x7"),
    ],
)  # fmt: skip
def test_a_match_is_written_as_ovs_ofctl_writes_it(raw: bytes, text: str) -> None:
    assert match.text_of(raw) == text


def test_a_match_is_known_by_its_fields() -> None:
    found = match.match_of(IP + oxm(STANDARD, 11, 0x0A000000, 4, 0xFF000000))
    assert found["nw_src"].value == 0x0A000000
    assert found["nw_src"].mask == 0xFF000000
    assert found["dl_type"].value == 0x0800


def apply(*raw: bytes) -> bytes:
    body = b"".join(raw)
    return struct.pack(">HH4x", 4, 8 + len(body)) + body


def nicira(subtype: int, body: bytes) -> bytes:
    padded = body + bytes(-(10 + len(body)) % 8)
    return struct.pack(">HHIH", 0xFFFF, 10 + len(padded), 0x2320, subtype) + padded


OUTPUT = struct.pack(">HHIH6x", 0, 16, 3, 0)
REG6 = NICIRA << 16 | 6 << 9 | 4


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "drop"),
        (apply(OUTPUT), "output:3"),
        (apply(OUTPUT, OUTPUT), "output:3,output:3"),
        (struct.pack(">HHB3x", 1, 8, 72), "goto_table:72"),
        (apply(nicira(14, struct.pack(">HB3x", 0xFFF8, 93))), "resubmit(,93)"),
        (apply(nicira(34, struct.pack(">BBI", 1, 2, 77))), "conjunction(77,2/2)"),
        (apply(nicira(43, b"")), "ct_clear"),
        (apply(nicira(35, struct.pack(">HIHB3xH", 1, REG6, 15, 0xFF, 0))),
         "ct(commit,zone=NXM_NX_REG6[0..15])"),
        (apply(nicira(35, struct.pack(">HIHB3xH", 0, 0, 9, 72, 0))), "ct(table=72,zone=9)"),
        (apply(nicira(999, b"")), "nicira_999"),
        (apply(struct.pack(">HH4x", 18, 8)), "pop_vlan"),
        (struct.pack(">HHI", 6, 8, 9) + apply(OUTPUT), "meter:9,output:3"),
        (apply(nicira(42, bytes(6) + OUTPUT)), "clone(output:3)"),
    ],
)  # fmt: skip
def test_actions_are_written_as_ovs_ofctl_writes_them(raw: bytes, text: str) -> None:
    assert actions.text_of(raw) == text


def stats(
    table: int, priority: int, cookie: int, packets: int, fields: bytes, does: bytes
) -> bytes:
    """ofp_flow_stats (OpenFlow 1.4, 7.3.5.2)."""
    length = 4 + len(fields)
    matched = struct.pack(">HH", 1, length) + fields + bytes(-length % 8)
    body = matched + does
    head = struct.pack(
        ">HBxIIHHHHH2xQQQ", 48 + len(body), table, 5, 500_000_000, priority, 0, 60, 0, 0, cookie,
        packets, packets * 100,
    )  # fmt: skip
    return head + body


def test_a_table_of_flows_is_read_by_column_and_by_row() -> None:
    first = stats(72, 77, 0xAB, 5, IP + protocol(6), apply(OUTPUT))
    second = stats(0, 0, 0, 9, b"", b"")
    raw = b"junk" + first + b"gap." + second
    middle = 4 + len(first)
    table = FlowTable(raw, [(4, middle), (middle + 4, len(raw))])
    assert table.table.tolist() == [72, 0]
    assert table.packets.tolist() == [5, 9]
    one, other = table.rows()
    assert (one.match, one.actions, one.age, one.hard, one.cookie) == (
        "tcp",
        "output:3",
        5.5,
        60,
        0xAB,
    )
    assert (other.match, other.actions, other.octets) == ("", "drop", 900)
    assert one == table.row(0)
    assert len(set(table.keys())) == 2


def test_no_flows_are_an_empty_table() -> None:
    assert len(FlowTable(b"", [])) == 0
    assert list(FlowTable(b"", []).rows()) == []


def test_in_bulk_each_match_is_written_as_alone() -> None:
    shapes = [
        lambda n: IP + protocol(6) + oxm(STANDARD, 11, n, 4) + oxm(NICIRA, 5, n % 7, 4),
        lambda n: oxm(NICIRA, 5, n, 4) + (IP if n % 2 else IP6) + protocol((6, 17, 47)[n % 3]),
        lambda n: IP6 + oxm(STANDARD, 26, n << 64, 16, (1 << 128) - (1 << n % 64)),
        lambda n: oxm(NICIRA, 107, 1, 4),
        lambda n: oxm(STANDARD, 3, n, 6) + oxm(STANDARD, 6, 0x1000 | n % 4096, 2),
        lambda n: b"",
    ]
    flows = [stats(1, 1, 1, 0, shapes[n % len(shapes)](n), b"") for n in range(600)]
    flows += [stats(2, 1, 1, 0, IP, b"")]
    raw = b"".join(flows)
    table = FlowTable(raw, [(0, len(raw))])
    assert [row.match for row in table.rows()] == [table.match(n) for n in range(len(table))]
