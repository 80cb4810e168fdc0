"""A security group's rule as matches: what it lets through, and the replies to it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.plan.firewall import groups
from backends.plan.firewall.rules import matches, port_masks
from backends.records.security import SecurityGroupRule

PORTS = st.integers(0, 65535)
IDS = {"friends": 7, "others": 9}


def rule(**values: Any) -> SecurityGroupRule:
    return SecurityGroupRule(**{"group_id": "group", "direction": "ingress", **values})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("ip", "ip")]),
        ({"ethertype": "IPv6"}, [("ipv6", "ipv6")]),
        ({"remote_prefix": "0.0.0.0/0"}, [("ip", "ip")]),
        ({"remote_prefix": "10.1.0.0/16"}, [("ip,nw_src=10.1.0.0/16", "ip,nw_dst=10.1.0.0/16")]),
        (
            {"direction": "egress", "remote_prefix": "10.1.0.0/16"},
            [("ip,nw_dst=10.1.0.0/16", "ip,nw_src=10.1.0.0/16")],
        ),
        (
            {"ethertype": "IPv6", "remote_prefix": "fd00::/64", "protocol": "tcp"},
            [("tcp6,ipv6_src=fd00::/64", "tcp6,ipv6_dst=fd00::/64")],
        ),
        (
            {"protocol": "tcp", "port_min": 22, "port_max": 22},
            [("tcp,tp_dst=22", "tcp,tp_src=22")],
        ),
        ({"protocol": "udp", "port_min": 1, "port_max": 65535}, [("udp", "udp")]),
        (
            {"protocol": "udp", "port_min": 80, "port_max": 97},
            [
                ("udp,tp_dst=0x50/0xfff0", "udp,tp_src=0x50/0xfff0"),
                ("udp,tp_dst=0x60/0xfffe", "udp,tp_src=0x60/0xfffe"),
            ],
        ),
        ({"protocol": "icmp"}, [("icmp", "icmp")]),
        (
            {"protocol": "icmp", "port_min": 8},
            [("icmp,icmp_type=8", "icmp,ct_nw_proto=1,ct_tp_src=8")],
        ),
        (
            {"protocol": "icmp", "port_min": 3, "port_max": 4, "remote_prefix": "10.0.0.9/32"},
            [
                (
                    "icmp,icmp_type=3,icmp_code=4,nw_src=10.0.0.9/32",
                    "icmp,ct_nw_proto=1,ct_tp_src=3,ct_tp_dst=4,nw_dst=10.0.0.9/32",
                )
            ],
        ),
        (
            {"ethertype": "IPv6", "protocol": "ipv6-icmp", "port_min": 128},
            [("icmp6,icmp_type=128", "icmp6,ct_nw_proto=58,ct_tp_src=128")],
        ),
        ({"ethertype": "IPv6", "protocol": "icmp"}, [("icmp6", "icmp6")]),
        ({"protocol": "vrrp"}, [("ip,nw_proto=112", "ip,nw_proto=112")]),
        ({"protocol": "6"}, [("tcp", "tcp")]),
        ({"ethertype": "IPv6", "protocol": "89"}, [("ipv6,nw_proto=89", "ipv6,nw_proto=89")]),
    ],
)
def test_matches(values: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert list(matches(rule(**values))) == expected


@given(PORTS, PORTS)
def test_masks_cover_a_range_and_nothing_else(one: int, other: int) -> None:
    low, high = sorted((one, other))
    pairs = list(port_masks(low, high))
    assert len(pairs) <= 30
    covered = []
    for value, mask in pairs:
        assert value & mask == value
        size = (~mask & 0xFFFF) + 1
        covered.append(range(value, value + size))
    assert covered[0][0] == low
    assert covered[-1][-1] == high
    assert all(a[-1] + 1 == b[0] for a, b in pairwise(covered))


def lines(*rules: SecurityGroupRule) -> list[str]:
    return [f"{head}5{tail}" for head, tail in groups.templates(rules, IDS)]


def test_a_rule_is_a_flow_for_requests_and_one_for_replies() -> None:
    assert lines(rule(protocol="tcp", port_min=22, port_max=22)) == [
        "table=72,priority=77,ct_state=+est+rpl,reg5=5,tcp,tp_src=22,actions=resubmit(,91)",
        "table=82,priority=77,ct_state=-rpl,reg5=5,tcp,tp_dst=22,actions=resubmit(,92)",
    ]
    assert lines(rule(direction="egress")) == [
        "table=72,priority=77,ct_state=-rpl,reg5=5,ip,actions=resubmit(,91)",
        "table=82,priority=77,ct_state=+est+rpl,reg5=5,ip,actions=resubmit(,92)",
    ]


def test_remote_groups_are_conjunctions_and_share_a_match() -> None:
    found = lines(
        rule(protocol="udp", remote_group_id="friends"),
        rule(protocol="udp", remote_group_id="others"),
    )
    assert found == [
        "table=72,priority=75,ct_state=+est+rpl,reg5=5,udp,"
        "actions=conjunction(7,2/2),conjunction(9,2/2)",
        "table=82,priority=75,ct_state=-rpl,reg5=5,udp,"
        "actions=conjunction(7,2/2),conjunction(9,2/2)",
    ]


def test_an_address_group_is_a_conjunction_as_a_group_is() -> None:
    by_address = rule(protocol="udp", remote_address_group_id="friends")
    assert lines(by_address) == lines(rule(protocol="udp", remote_group_id="friends"))


def test_without_state_there_are_no_replies() -> None:
    found = [
        f"{head}5{tail}"
        for head, tail in groups.templates(
            [rule(protocol="udp", port_min=53, port_max=53), rule(remote_group_id="friends")],
            IDS, stateless=True,
        )
    ]  # fmt: skip
    assert found == [
        "table=82,priority=77,reg5=5,udp,tp_dst=53,actions=resubmit(,92)",
        "table=82,priority=75,reg5=5,ip,actions=conjunction(7,2/2)",
    ]


def test_what_is_open_to_all_needs_no_group() -> None:
    open_to_all = rule(protocol="udp")
    assert lines(open_to_all, rule(protocol="udp", remote_group_id="friends")) == lines(open_to_all)


def test_the_same_rule_in_two_groups_is_one() -> None:
    assert lines(rule(group_id="a"), rule(group_id="b")) == lines(rule())


def test_members_are_matched_where_they_are_the_other_side() -> None:
    assert list(groups.member(3, "10.0.0.7", {9, 7})) == [
        "table=72,priority=75,reg6=3,ip,nw_dst=10.0.0.7,"
        "actions=conjunction(7,1/2),conjunction(9,1/2)",
        "table=82,priority=75,reg6=3,ip,nw_src=10.0.0.7,"
        "actions=conjunction(7,1/2),conjunction(9,1/2)",
    ]
    assert next(groups.member(3, "fd00::7", {7})) == (
        "table=72,priority=75,reg6=3,ipv6,ipv6_dst=fd00::7,actions=conjunction(7,1/2)"
    )


def test_conjunctions_have_numbers_of_their_own() -> None:
    ids = groups.conjunction_ids(f"group {number}" for number in range(5000))
    assert len(set(ids.values())) == 5000
    assert all(0 < each <= 0xFFFFFFFF for each in ids.values())


def test_groups_whose_checksums_meet_get_different_numbers() -> None:
    # Both have the CRC-32 0x4ddb0c25.
    ids = groups.conjunction_ids(["plumless", "buckeroo"])
    assert sorted(ids.values()) == [0x4DDB0C25, 0x4DDB0C26]
