"""Flows joined to what put them there, and said in words."""

from __future__ import annotations

import pytest

from backends.drivers.ovs.facts import CLOUD, IFACE_ID, OvsBridge, OvsFacts, OvsPort
from backends.drivers.ovs.match import match_of
from backends.inspect.flow_words import action_words, match_words, split
from backends.inspect.flows import canonical, owners, role, rules_of
from backends.inspect.names import Names, names
from backends.plan.firewall import groups, sets
from backends.records.security import SecurityGroupRule
from backends.records.snapshot import Records
from tests.sample_records import PROJECT, SETTINGS, ident, records
from tests.unit.test_ovs_decoding import IP, NICIRA, STANDARD, oxm, protocol

GROUP = ident("group")
BRIDGE = SETTINGS.bridge


def cloud() -> tuple[Records, Names]:
    """Two instances whose ports are 1 and 2 on the bridge, and their group lets itself in."""
    found = records(2)
    found.rules[GROUP] += [
        SecurityGroupRule(id="in", group_id=GROUP, direction="ingress", remote_group_id=GROUP),
        SecurityGroupRule(id="ssh", group_id=GROUP, direction="ingress", protocol="tcp",
                          port_min=22, port_max=22, remote_prefix="10.0.0.5/32"),
        SecurityGroupRule(id="six", group_id=GROUP, direction="ingress", ethertype="IPv6",
                          protocol="tcp", port_min=80, port_max=81, remote_prefix="fd00:0::/64"),
    ]  # fmt: skip
    ports = {
        port.interface: OvsPort(
            port.interface, BRIDGE, found.vlans[port.network_id], ofport=number,
            labels={IFACE_ID: port.id, CLOUD: SETTINGS.cloud},
        )
        for number, port in enumerate(
            (found.ports_of[ident("instance", each)][0] for each in range(2)), 1
        )
    }  # fmt: skip
    facts = OvsFacts({BRIDGE: OvsBridge(BRIDGE, labels={})}, ports)
    return found, names(found, facts, SETTINGS)


def test_each_set_has_its_owner() -> None:
    found, known = cloud()
    (port,) = found.ports_of[ident("instance", 0)]
    (network,) = found.networks.values()
    (zone,) = known.zones
    canaries = [
        (11, sets.port_owner(port.id)), (12, sets.network_owner(zone)), (13, sets.BASE),
        (14, sets.JOINS), (15, 1 << 60 | 3), (16, sets.network_owner(4001)), (17, 9 << 60),
    ]  # fmt: skip
    who = owners(canaries, known)
    assert [who[each].kind for each in range(11, 18)] == [
        "port", "network", "host", "host", "group", "network", "",
    ]  # fmt: skip
    assert who[11].instance is found.instances[ident("instance", 0)]
    assert who[11].project_id == PROJECT
    assert who[12].network is network
    assert who[16].title == "zone 4001"


def test_every_flow_of_a_rule_names_it() -> None:
    found, known = cloud()
    (port,) = found.ports_of[ident("instance", 0)]
    ids = {group.id: number for number, group in known.conjunctions.items()}
    assert set(ids) == {GROUP}
    for rule in found.rules[GROUP]:
        for head, tail in groups.templates([rule], ids):
            table, priority, match = f"{head}1{tail}".split(",actions=")[0].split(",", 2)
            told = ",".join(sorted(canonical(match)))
            named = rules_of(int(table[6:]), int(priority[9:]), told, port, known)
            assert rule.id in [each.id for _, each in named], told


def test_a_flow_of_no_rule_names_none() -> None:
    found, known = cloud()
    (port,) = found.ports_of[ident("instance", 0)]
    assert rules_of(82, 77, "ct_state=-rpl,tcp,reg5=0x1,tp_dst=23", port, known) == ()
    assert rules_of(71, 77, "ct_state=-rpl,tcp,reg5=0x1,tp_dst=22", port, known) == ()


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        ("reg5=3,tcp", "tcp,reg5=0x3"),
        ("ip,nw_src=10.0.0.5/32", "ip,nw_src=10.0.0.5"),
        ("ipv6,ipv6_src=fd00:0::/64", "ipv6,ipv6_src=fd00::/64"),
        ("ct_state=+est+rpl", "ct_state=+rpl+est"),
    ],
)
def test_whoever_wrote_it_the_match_is_the_same(ours: str, told: str) -> None:
    assert canonical(ours) == canonical(told)


def test_a_match_in_words() -> None:
    found, known = cloud()
    (zone,) = known.zones
    (network,) = found.networks.values()
    first = found.instances[ident("instance", 0)].name

    def said(raw: bytes, table: int) -> str:
        return match_words(match_of(raw), BRIDGE, table, known)

    assert said(b"", 0) == "everything"
    assert said(oxm(STANDARD, 0, 1, 4), 60).startswith(f"come from {first} (tap")
    assert said(oxm(NICIRA, 5, 1, 4), 72).startswith(f"sent by {first}")
    assert said(oxm(NICIRA, 5, 1, 4), 82).startswith(f"to {first}")
    assert said(oxm(NICIRA, 6, zone, 4), 94) == f"in network {network.name}"
    assert said(IP + protocol(6) + oxm(STANDARD, 14, 22, 2), 82) == "TCP, to port 22"
    assert said(oxm(NICIRA, 105, 0, 4, 8), 82) == "a request"
    assert said(oxm(NICIRA, 107, 1, 4), 82) == "cut off by a withdrawn rule"
    assert said(oxm(STANDARD, 3, 1 << 40, 6, 1 << 40), 73) == "to many"
    assert said(IP + oxm(STANDARD, 11, 0x0A000000, 4, 0xFF000000), 82) == "IPv4, from 10.0.0.0/8"


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ("drop", "drop"),
        ("resubmit(,93)", "go on in 93 (counts and drops the denied)"),
        ("goto_table:20", "go on in 20"),
        ("output:9", "deliver to port 9"),
        ("ct(commit,zone=NXM_NX_REG6[0..15])", "remember the connection"),
        ("ct(table=72,zone=NXM_NX_REG6[0..15])", "look its connection up, go on in 72"),
        ("ct(commit,zone=1,exec(set_field:0x1->ct_mark)),drop",
         "cut the connection off: no rule allows it any more; drop"),
        ("pop_vlan,set_field:0x1->reg7", "take the VLAN tag off; note that it came over an uplink"),
        ("meter:9,set_field:46->ip_dscp",
         "drop what is above the limit of meter 9; mark it with DSCP 46"),
        ("clone(push_vlan:0x8100,output:9),drop",
         "with a copy: put a VLAN tag on; deliver to port 9; drop"),
        ("unheard_of(1,2)", "unheard_of(1,2)"),
    ],
)  # fmt: skip
def test_actions_in_words(actions: str, words: str) -> None:
    assert action_words(actions, BRIDGE, 60, cloud()[1]) == words


def test_actions_are_split_outside_of_brackets_alone() -> None:
    text = "ct(commit,exec(set_field:0x1->ct_mark)),resubmit(,94),output:1"
    assert list(split(text)) == [
        "ct(commit,exec(set_field:0x1->ct_mark))", "resubmit(,94)", "output:1",
    ]  # fmt: skip


def test_tables_have_their_part_by_bridge() -> None:
    assert role("br-int", 82) == "what the groups let a port receive"
    assert role("br-tun", 21) == "answers ARP"
    assert role("br-ex-ab12", 3) == "from br-int"
    assert role("br-int", 200) == ""
