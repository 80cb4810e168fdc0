"""Flows of a real bridge: decoded as ovs-ofctl prints them, and joined to what put them there."""

from __future__ import annotations

import re
import subprocess

import pytest

from backends.cloud import Cloud
from backends.drivers.ovs.openflow import read_flows
from backends.errors import NotFound
from tests.real.lab import run
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT

_LINE = re.compile(r"^ cookie=.*?table=(\d+), n_packets=\d+, n_bytes=\d+, (.*)actions=(.*)$", re.M)
_TIMES = ("idle_timeout", "hard_timeout", "idle_age", "hard_age", "importance")
# What the firewall does not write, but other bridges may have.
EXOTIC = """
table=1,priority=5,tcp,nw_src=10.0.0.0/8,nw_dst=10.1.0.0/255.0.255.0,tp_dst=0x50/0xfff0,actions=goto_table:2
table=1,priority=6,tcp,tcp_flags=+syn-ack,actions=output:1,output:2,IN_PORT,NORMAL
table=1,priority=8,arp,arp_op=1,arp_spa=10.0.0.1,arp_sha=fa:16:3e:00:00:01,actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:fa:16:3e:00:00:02->eth_src,load:0x2->NXM_OF_ARP_OP[],load:0xa000002->NXM_OF_ARP_SPA[],IN_PORT
table=2,priority=1,tun_id=0x64,actions=resubmit(,10)
table=10,priority=1,actions=learn(table=20,hard_timeout=300,priority=1,cookie=0x1234,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[]),output:1
table=22,priority=1,dl_vlan=3,actions=pop_vlan,set_field:0x64->tun_id,output:2
table=3,priority=9,icmp6,ipv6_src=fe80::/10,icmp_type=135,nd_target=fe80::1,nd_sll=00:11:22:33:44:55,actions=conjunction(77,1/2),conjunction(78,2/2)
table=3,priority=10,ip,ct_state=-trk,actions=ct(table=4,nat)
table=3,priority=11,ip,ct_state=+trk,actions=ct(commit,zone=NXM_NX_REG6[0..15],nat(dst=10.0.0.7:80),exec(set_field:0x5/0xf->ct_mark)),dec_ttl
table=3,priority=12,ip,nw_tos=32,nw_ecn=1,nw_ttl=3,nw_frag=later,actions=set_queue:7,note:01.02.03.04.05.06,exit
table=3,priority=13,vlan_tci=0x1000/0x1000,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=resubmit:3
table=3,priority=14,in_port=LOCAL,metadata=0x5/0xff,reg3=7,reg4=0x10/0xff,actions=write_metadata:0x1,goto_table:4
table=3,priority=15,in_port=1,dl_type=0x1234,idle_timeout=600,actions=write_actions(output:1)
table=3,priority=16,sctp6,tp_dst=5,ipv6_label=0x123,actions=output:NXM_NX_REG5[0..15],ct_clear
table=3,priority=17,pkt_mark=0x3,actions=drop
table=3,priority=18,ip,nw_proto=47,conj_id=5,actions=CONTROLLER:128
table=4,priority=1,tcp6,ipv6_dst=fd00::/64,ct_state=+trk,ct_mark=0x1/0xff,actions=ct(commit,zone=3,nat(dst=[fd00::5]:80))
table=4,priority=2,tcp6,ct_state=+trk+new-rel,actions=ct(commit,nat(src=fd00::5-fd00::7)),ct(commit,alg=ftp)
table=4,priority=3,ip,ct_state=+trk,actions=ct(commit,nat(src=10.0.0.1-10.0.0.9:1000-2000,random))
"""

Words = tuple[int, int, frozenset[str], str]


def printed(bridge: str) -> set[Words]:
    """Every flow as ovs-ofctl(8) tells it."""
    found = set()
    for table, match, actions in _LINE.findall(
        run("ovs-ofctl", "-O", "OpenFlow14", "--no-names", "dump-flows", bridge)
    ):
        parts = [each.strip() for each in match.replace(" ", ",").split(",") if each.strip()]
        priority = next((int(p[9:]) for p in parts if p.startswith("priority=")), 32768)
        kept = frozenset(p for p in parts if not p.startswith(("priority=", *_TIMES)))
        found.add((int(table), priority, kept, actions))
    return found


def decoded(bridge: str) -> set[Words]:
    return {
        (row.table, row.priority, frozenset(filter(None, row.match.split(","))), row.actions)
        for row in read_flows(bridge).rows()
    }


def test_the_firewalls_flows_read_as_ovs_ofctl_prints_them(street: Street) -> None:
    bridge = street.town.cloud.settings.bridge
    assert len(printed(bridge)) > 100
    assert decoded(bridge) == printed(bridge)


def test_flows_of_every_other_kind_read_so_too(street: Street) -> None:
    bridge = f"br-{street.town.token}"
    kind = f"datapath_type={street.town.cloud.settings.datapath}"
    run("ovs-vsctl", "add-br", bridge, "--", "set", "bridge", bridge, kind,
        "fail_mode=secure")  # fmt: skip
    try:
        add = ("ovs-ofctl", "-O", "OpenFlow14", "add-flows", bridge, "-")
        subprocess.run(add, input=EXOTIC, text=True, check=True)
        assert len(printed(bridge)) == len(EXOTIC.strip().splitlines())
        assert decoded(bridge) == printed(bridge)
    finally:
        run("ovs-vsctl", "del-br", bridge)


def test_every_flow_has_an_owner_and_says_what_it_does(street: Street) -> None:
    flows = street.town.cloud.flows
    bridge = street.town.cloud.settings.bridge
    listings = flows.list(bridge)
    rows = list(flows.rows(listings))
    assert {row.owner.kind for row in rows} == {"port", "network", "host", "group"}
    for row in rows:
        said = row.explain()
        assert said.role, row.name
        assert said.match
        assert "NXM" not in said.actions, said.actions
    titles = {row.owner.title for row in rows}
    assert {"first", "second", "inner", "router gate"} <= titles


def test_a_rules_flows_name_the_rule(street: Street) -> None:
    cloud = street.town.cloud
    rules = cloud.security_groups.rules("default")
    # The rules by remote group are covered by those that let in everybody, and need no flow.
    plain = {rule.id for rule in rules if rule.remote_group_id is None}
    named = set()
    for row in cloud.flows.rows(cloud.flows.list(cloud.settings.bridge), port="first"):
        if row.table in (72, 82) and row.priority in (75, 77):
            found = row.explain().rules
            assert found, row.match
            named |= {rule.id for _, rule in found}
    assert named == plain


def test_rates_are_of_what_was_sent_between_two_readings(street: Street) -> None:
    cloud = street.town.cloud
    before = cloud.flows.list(cloud.settings.bridge, table=92)
    assert street.first.reaches(street.second.address, PORT)
    sent = 0.0
    # A datapath tells its counters to the flows once a second.
    for _ in range(100):
        after = cloud.flows.list(cloud.settings.bridge, table=92)
        rows = cloud.flows.rows(after, before, port="second")
        sent = sum(row.rate for row in rows)
        if sent:
            break
        street.first.pings(street.second.address)
    assert sent > 0


def test_a_flow_is_found_again_by_the_beginning_of_its_id(street: Street) -> None:
    cloud = street.town.cloud
    row = next(iter(cloud.flows.rows(cloud.flows.list(cloud.settings.bridge), port="first")))
    assert cloud.flows.show(row.id).match == row.match
    with pytest.raises(NotFound):
        cloud.flows.show("nothing")


def test_a_stranger_sees_no_flow(street: Street, stranger: Cloud) -> None:
    assert list(stranger.flows.rows(stranger.flows.list())) == []
    with pytest.raises(NotFound):
        list(stranger.flows.rows(stranger.flows.list(), port="first"))
