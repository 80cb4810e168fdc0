"""A recorded dump of the kernel's, decoded; and the switch's text, parsed."""

from __future__ import annotations

from pathlib import Path
from socket import AF_INET, AF_INET6

import pytest

from backends.drivers.conntrack import userspace
from backends.drivers.conntrack.connection import Connection
from backends.drivers.conntrack.decode import Decoder
from backends.drivers.conntrack.ending import tuple_of
from backends.drivers.conntrack.events import happened
from backends.drivers.conntrack.netlink import CT_DELETE, CT_NEW, message
from backends.drivers.conntrack.table import Connections, joined, words_of
from backends.errors import MachineFailed, Refused

# Linux 6.18: one entry of each kind that tests/real/inspection/test_kernel.py makes.
DUMP = Path(__file__).with_name("recorded").joinpath("connections.bin").read_bytes()
V4 = ("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.1")
V6 = ("fd00::1", "fd00:1:2:3:4:5:6:7", "fd00:1:2:3:4:5:6:7", "fd00::1")
NAT = ("1.1.1.1", "2.2.2.2", "3.3.3.3", "1.1.1.1")
# (family, protocol, addresses, ports, zone, mark, state)
RECORDED = {
    (AF_INET, 6, V4, (40000, 22, 22, 40000), 5, 1, 3),
    (AF_INET6, 17, V6, (53000, 53, 53, 53000), 65535, 0xFFFFFFFF, 0),
    (AF_INET, 1, V4, (77, 2048, 77, 0), 0, 0, 0),
    (AF_INET6, 58, V6, (78, 128 << 8, 78, 129 << 8), 7, 2, 0),
    (AF_INET, 132, V4, (1, 2, 2, 1), 1, 0, 0),
    (AF_INET, 6, NAT, (9, 80, 8080, 9), 0, 0, 2),
}  # fmt: skip


def decode(raw: bytes) -> Connections:
    decoder = Decoder()
    decoder.take(bytearray(raw), len(raw))
    return decoder.connections()


def facts(table: Connections) -> list[tuple[object, ...]]:
    return [
        (row.family, row.protocol, row.addresses, row.ports, row.zone, row.mark, row.state)
        for row in table.rows()
    ]


def test_each_kind_of_entry_is_decoded() -> None:
    table = decode(DUMP)
    assert set(facts(table)) == RECORDED
    assert all(590 <= each <= 600 for each in table.timeout.tolist())
    assert len(set(table.id.tolist())) == len(RECORDED)


def test_many_buffers_fill_one_table() -> None:
    decoder = Decoder(expected=2)
    for _ in range(400):
        decoder.take(bytearray(DUMP), len(DUMP))
    table = decoder.connections()
    assert len(table) == 400 * len(RECORDED)
    assert set(facts(table)) == RECORDED


def test_what_is_no_connection_is_passed_over() -> None:
    other = message(0x105, 0, bytes(8))
    assert set(facts(decode(other + DUMP + other))) == RECORDED
    assert len(decode(b"")) == len(decode(other)) == 0


def test_an_entry_that_is_cut_short_has_what_is_there() -> None:
    table = decode(message(CT_NEW, 0, b"", family=AF_INET))
    assert facts(table) == [(AF_INET, 0, ("0.0.0.0",) * 4, (0, 0, 0, 0), 0, 0, 0)]


def test_rows_are_taken_and_joined() -> None:
    table = decode(DUMP)
    v6 = table.take(table.family == AF_INET6)
    rest = table.take(table.family != AF_INET6)
    assert len(v6) == 2
    assert set(facts(joined([v6, rest]))) == RECORDED
    assert len(joined([])) == 0


def test_what_is_asked_for_is_decoded_as_it_was_asked() -> None:
    for row in decode(DUMP).rows():
        raw = message(CT_NEW, 0, tuple_of(row), family=row.family)
        (again,) = decode(raw).rows()
        assert (again.protocol, again.addresses[:2], again.ports[:2]) == (
            row.protocol, row.addresses[:2], row.ports[:2],
        )  # fmt: skip


def test_events_are_told_apart() -> None:
    row = Connection(AF_INET, 6, V4, (1, 2, 2, 1))
    began, changed, ended = (
        message(kind, flags, tuple_of(row), family=AF_INET)
        for kind, flags in ((CT_NEW, 0x400), (CT_NEW, 0), (CT_DELETE, 0))
    )
    raw = bytearray(began + began + changed + ended + began)
    told = happened(raw, len(raw))
    assert (len(told.began), len(told.changed), len(told.ended)) == (3, 1, 1)
    assert len(told) == 5
    assert not told.lost


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00:1:2:3:4:5:6:7", "::", "0.0.0.0"])
def test_an_address_is_the_same_as_words(address: str) -> None:
    family, *words = words_of(address)
    table = Connections.empty(1)
    table.family[0] = family
    table.addresses[2, :, 0] = words
    assert table.address(2, 0) == address


TEXT = """\
icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=7,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=7,type=0,code=0),zone=77,timeout=28,mark=3
icmpv6,orig=(src=fd55::1,dst=fd55::2,id=9,type=128,code=0),reply=(src=fd55::2,dst=fd55::1,id=9,type=129,code=0),zone=78,timeout=29
tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=34490,dport=80),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=34490),zone=77,timeout=86399,protoinfo=(state=ESTABLISHED)
tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=5,dport=80),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=5),timeout=1,mark=1,labels=0x1,protoinfo=(state=TIME_WAIT)
udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=48245,dport=53),reply=(src=10.0.0.9,dst=10.0.0.1,sport=5353,dport=48245),zone=77
"""


def test_the_switchs_entries_are_parsed() -> None:
    rows = list(userspace.parse(TEXT).rows())
    assert [(r.protocol, r.zone, r.mark, r.timeout, r.state) for r in rows] == [
        (1, 77, 3, 28, 0), (58, 78, 0, 29, 0), (6, 77, 0, 86399, 3), (6, 0, 1, 1, 7),
        (17, 77, 0, 0, 0),
    ]  # fmt: skip
    assert rows[0].ports == (7, 8 << 8, 7, 0)
    assert rows[1].addresses == ("fd55::1", "fd55::2", "fd55::2", "fd55::1")
    assert rows[4].addresses[2] == "10.0.0.9"
    assert rows[4].ports == (48245, 53, 5353, 48245)
    assert len(userspace.parse("")) == 0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (0, "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=1,"
            "icmp_id=7,icmp_type=8,icmp_code=0"),
        (2, "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=34490,ct_tp_dst=80"),
    ],
)  # fmt: skip
def test_the_switch_is_told_exactly_which_to_end(row: int, words: str) -> None:
    assert userspace.ends_of(userspace.parse(TEXT).row(row)) == words


def test_what_would_kill_the_switch_is_not_asked_of_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ICMPv6"):
        userspace.end(userspace.parse(TEXT).row(1), run=tmp_path)


def test_a_switch_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed, match="start Open vSwitch"):
        userspace.read(run=tmp_path)
