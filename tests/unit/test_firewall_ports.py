"""The flows of one port and of one network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from backends.errors import Refused
from backends.plan.firewall import base, networks, ports
from backends.plan.firewall.ports import Plug, link_local
from backends.plan.firewall.zones import (
    SLOTS,
    last_vlan,
    pick_slot,
    usual_slot,
    vlan,
    zone,
)
from backends.settings import Settings

MAC, OTHER = "fa:16:3e:00:00:05", "fa:16:3e:00:00:06"
V4 = Plug("a", 5, 3, MAC, pairs=((MAC, "10.0.0.5"),))
TRUSTED = Plug("t", 9, 3, "fa:16:3e:00:00:09", filtered=False)


def of_table(flows: list[str], table: int) -> list[str]:
    head = f"table={table},"
    return [each.removeprefix(head) for each in flows if each.startswith(head)]


def test_a_filtered_port_goes_through_its_rules_both_ways() -> None:
    flows = ports.flows(V4, [("table=82,priority=77,reg5=", ",ip,actions=resubmit(,92)")])
    assert of_table(flows, 60) == [
        "priority=100,in_port=5,vlan_tci=0x0000/0x1000,"
        "actions=set_field:5->reg5,set_field:3->reg6,resubmit(,71)",
        "priority=99,in_port=5,actions=set_field:5->reg5,resubmit(,93)",
        f"priority=90,reg7=1,dl_vlan=3,dl_dst={MAC},"
        "actions=pop_vlan,set_field:3->reg6,set_field:5->reg5,resubmit(,81)",
    ]
    assert of_table(flows, 73) == [
        f"priority=100,reg6=3,dl_dst={MAC},actions=set_field:5->reg5,resubmit(,81)"
    ]
    assert of_table(flows, 82) == ["priority=77,reg5=5,ip,actions=resubmit(,92)"]
    assert of_table(flows, 93) == [
        "priority=20,in_port=5,reg5=5,actions=drop",
        "priority=10,reg5=5,actions=drop",
    ]


def test_a_port_of_our_own_is_delivered_to_without_rules() -> None:
    flows = ports.flows(TRUSTED, [("table=82,priority=77,reg5=", ",ip,actions=resubmit(,92)")])
    assert of_table(flows, 71) == of_table(flows, 72) == of_table(flows, 82) == []
    assert of_table(flows, 60)[0].endswith("set_field:9->reg5,set_field:3->reg6,resubmit(,91)")
    assert of_table(flows, 73)[0].endswith("set_field:9->reg5,resubmit(,92)")


def test_what_a_port_may_send_names_its_mac_and_address() -> None:
    sent = of_table(ports.flows(V4, []), 71)
    own = f"reg5=5,dl_src={MAC}"
    assert all(own in each for each in sent)
    assert f"priority=95,arp,{own},arp_sha={MAC},arp_spa=10.0.0.5,actions=resubmit(,91)" in sent
    track = "actions=ct(table=72,zone=NXM_NX_REG6[0..15])"
    assert [each for each in sent if each.startswith("priority=65,ip,")] == [
        f"priority=65,ip,{own},nw_src=10.0.0.5,{track}"
    ]
    assert [each for each in sent if each.startswith("priority=65,ipv6,")] == [
        f"priority=65,ipv6,{own},ipv6_src={link_local(MAC)},{track}"
    ]


def test_a_stateless_port_is_not_tracked() -> None:
    flows = ports.flows(replace(V4, stateless=True), [])
    own = [each for each in of_table(flows, 71) if each.startswith("priority=65,")]
    assert len(own) == 2
    assert all(each.endswith("actions=resubmit(,72)") for each in own)
    commit = "ct(commit,zone=NXM_NX_REG6[0..15])"
    assert of_table(flows, 81)[:2] == [
        # Who tracks what it sends has it committed where it is delivered.
        f"priority=92,ip,reg5=5,ct_state=+trk+new,actions={commit},ct_clear,resubmit(,82)",
        "priority=91,ip,reg5=5,actions=ct_clear,resubmit(,82)",
    ]
    assert not any("ct(table" in each for each in flows)


def test_an_allowed_pair_is_a_second_identity() -> None:
    pairs = ((MAC, "10.0.0.5"), (OTHER, "10.0.0.0/24"), (MAC, "fd00::5"))
    sent = "\n".join(of_table(ports.flows(replace(V4, pairs=pairs), []), 71))
    assert f"ip,reg5=5,dl_src={OTHER},nw_src=10.0.0.0/24" in sent
    assert f"arp_sha={OTHER},arp_spa=10.0.0.0/24" in sent
    assert f"nd_target=fd00::5,nd_tll={MAC}" in sent
    assert f"dl_src={OTHER},ipv6_src={link_local(OTHER)}" in sent
    assert f"dl_src={OTHER},nw_src=10.0.0.5" not in sent


def test_an_address_without_an_identity_sends_nothing_but_questions() -> None:
    sent = of_table(ports.flows(replace(V4, pairs=()), []), 71)
    assert not [each for each in sent if each.startswith(("priority=65,ip,", "priority=95,arp"))]


@pytest.mark.parametrize(
    ("mac", "address"),
    [
        ("fa:16:3e:3a:0e:e1", "fe80::f816:3eff:fe3a:ee1"),
        ("00:00:5e:00:53:01", "fe80::200:5eff:fe00:5301"),
    ],
)
def test_link_local(mac: str, address: str) -> None:
    assert link_local(mac) == address


def test_no_guest_is_a_server_or_a_router() -> None:
    flows = of_table(list(base.flows(())), 71)
    for server in ("udp,tp_src=67,tp_dst=68", "udp6,tp_src=547,tp_dst=546", "icmp6,icmp_type=134"):
        assert f"priority=70,{server},actions=resubmit(,93)" in flows


def test_what_no_flow_knows_is_dropped() -> None:
    flows = list(base.flows(()))
    for table in (60, 92, 93, 94, 95):
        assert f"table={table},priority=0,actions=drop" in flows
    for table in (71, 72, 81, 82):
        assert f"table={table},priority=0,actions=resubmit(,93)" in flows
    assert not any("NORMAL" in each for each in flows)


def test_only_what_came_over_an_uplink_is_marked_so() -> None:
    flows = list(base.flows((7,)))
    assert "table=0,priority=10,in_port=7,actions=set_field:1->reg7,resubmit(,60)" in flows
    assert not any("reg7" in each for each in base.flows(()))


def test_many_receivers_are_named_and_each_has_its_rules() -> None:
    flows = networks.flows(3, [V4, replace(V4, id="b", ofport=6, mac=OTHER), TRUSTED], [])
    spread = of_table(flows, 94)
    many = "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"
    assert f"priority=30,arp,{many},reg6=3,actions=output:5,output:6,output:9" in spread
    assert f"priority=25,udp,tp_dst=67,{many},reg6=3,actions=output:9" in spread
    assert (
        f"priority=20,{many},reg6=3,actions=output:9,"
        "set_field:5->reg5,resubmit(,82),set_field:6->reg5,resubmit(,82)"
    ) in spread
    assert "priority=10,reg6=3,actions=output:9" in spread


def test_nobody_to_tell_is_a_drop() -> None:
    assert "table=94,priority=10,reg6=3,actions=drop" in networks.flows(3, [V4], [])


def test_uplinks_come_last_and_get_no_frame_of_another() -> None:
    flows = networks.flows(3, [V4], [7, 8])
    assert of_table(flows, 95) == [
        "priority=10,reg6=3,reg7=0,"
        "actions=push_vlan:0x8100,set_field:4099->vlan_vid,output:7,output:8"
    ]
    assert all(re.search(r"resubmit\(,95\)$", each) for each in of_table(flows, 94))


def test_a_shared_mac_reaches_all_who_may_have_it() -> None:
    virtual = "00:00:5e:00:01:01"
    one = replace(V4, pairs=(*V4.pairs, (virtual, "10.0.0.9")))
    two = replace(one, id="b", ofport=6, mac=OTHER)
    flows = of_table(networks.flows(3, [one, two], []), 73)
    assert flows == [
        f"priority=100,reg6=3,dl_dst={virtual},"
        "actions=set_field:5->reg5,resubmit(,81),set_field:6->reg5,resubmit(,81)"
    ]


def test_nobody_gets_frames_for_the_mac_of_another() -> None:
    thief = replace(V4, id="b", ofport=6, mac=OTHER, pairs=((MAC, "10.0.0.9"),))
    assert of_table(networks.flows(3, [V4, thief], []), 73) == []


def test_zones() -> None:
    default = Settings("default", Path("state"), Path("run"), "deck")
    assert [zone(default, each) for each in (1, 17, last_vlan(default))] == [1, 17, 4094]
    zones = set(range(1, 4095))
    for slot in SLOTS:
        other = replace(default, cloud="another", zone_slot=slot)
        own = {zone(other, each) for each in range(1, last_vlan(other) + 1)}
        assert len(own) == 1023
        assert own.isdisjoint(zones)
        assert {vlan(each) for each in own} == set(range(1, 1024))
        zones |= own
    assert max(zones) <= 65535


def test_no_two_clouds_have_a_slot() -> None:
    taken: dict[str, int] = {}
    for number in range(len(SLOTS)):
        taken[f"cloud-{number}"] = pick_slot(f"cloud-{number}", set(taken.values()))
    assert sorted(taken.values()) == list(SLOTS)
    with pytest.raises(Refused) as refusal:
        pick_slot("one-more", set(taken.values()))
    assert refusal.value.code == "cloud.zones.exhausted"
    assert pick_slot("default", set(taken.values())) == usual_slot("default") == 0
