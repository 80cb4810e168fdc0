"""Flow sets: the text that goes to and comes from ovs-ofctl."""

from __future__ import annotations

from backends.drivers.ovs.counters import counts_of
from backends.drivers.ovs.flows import canaries_of
from backends.drivers.ovs.sets import bundle
from backends.drivers.ovs.steps import FlowSet, ForgetConnections, WriteFlowSets


def test_sets_with_their_canaries_then_the_sweep() -> None:
    one = FlowSet(0, 0x2A, ("table=0,actions=drop",))
    two = FlowSet(0x3000000000000007, 0x2B, ())
    assert bundle([one, two], [1]).splitlines() == [
        "add cookie=0x2a,table=0,actions=drop",
        "add cookie=0x2a,table=23,priority=0,metadata=0x0,actions=drop",
        "add cookie=0x2b,table=23,priority=0,metadata=0x3000000000000007,actions=drop",
        "delete cookie=0x1/-1",
    ]


def test_canaries_are_told_by_their_metadata() -> None:
    owner = bytes.fromhex("80000408" + "1000000000000001")
    base = bytes.fromhex("80000408" + "0000000000000000")
    masked = bytes.fromhex("80000510" + "00" * 16)
    assert canaries_of([]) == (0, {})
    assert canaries_of([(0x2A, b"")]) == (0x2A, {})
    assert canaries_of([(5, owner), (6, base), (7, masked)]) == (
        0,
        {0x1000000000000001: 5, 0: 6},
    )


def test_counts_of_a_dump() -> None:
    head = " cookie=0x1, duration=1.2s, table="
    dump = (
        f"{head}93, n_packets=4, n_bytes=360, priority=20,reg5=0xa,in_port=10 actions=drop\n"
        f"{head}93, n_packets=2, n_bytes=180, idle_age=3, priority=10,reg5=0xa actions=drop\n"
        f"{head}93, n_packets=9, n_bytes=9, priority=0 actions=drop\n"
        f"{head}91, n_packets=7, n_bytes=70, priority=10,reg5=0xb actions=resubmit(,73)\n"
        f"{head}92, n_packets=1, n_bytes=70, priority=20,ct_state=+new,ip,reg5=0xb,"
        "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=output:11\n"
    )
    assert counts_of(dump) == [
        ("blocked_out", 10, 4),
        ("blocked_in", 10, 2),
        ("sent", 11, 7),
        ("received", 11, 1),
    ]


def test_steps_say_what_they_do() -> None:
    sets = (FlowSet(0, 1, ("a", "b")), FlowSet(1, 2, ("c",)))
    assert WriteFlowSets("br-int", sets, (5,)).text == (
        "write 3 flows in 2 sets to br-int, sweep 1 old sets"
    )
    assert WriteFlowSets("br-int", sets, None).text.endswith("sweep everything else")
    assert ForgetConnections(7).text == "forget the connections of zone 7"
