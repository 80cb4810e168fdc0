"""Ports that come and go, are limited, are marked, and carry others: what is planned for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.drivers.facts import Facts
from backends.drivers.libvirt.facts import State
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, Meter, OvsBridge, OvsFacts, OvsPort
from backends.drivers.ovs.steps import RemoveMeters, WriteFlowSets, WriteMeters
from backends.plan import labels, qos
from backends.plan.converge import order
from backends.plan.firewall import networks, ports, sets
from backends.plan.firewall.plan import plan
from backends.plan.firewall.ports import Plug, subport_number
from backends.plan.qos import Shaping
from backends.records.network import OWNER_INSTANCE
from backends.records.qos import QosRule
from backends.records.snapshot import Records
from backends.records.tables import Port
from backends.records.trunk import Subport, Trunk
from backends.records.unit import Kind, Unit
from tests.machine_model import converge
from tests.sample_records import SETTINGS, add_network, add_port, ident, records
from tests.unit.test_plan_whole import INSTANCE, in_order, texts

UNIT = Unit(Kind.FIREWALL, SETTINGS.host)
MAC = "fa:16:3e:00:00:05"
V4 = Plug("a", 5, 3, MAC, pairs=((MAC, "10.0.0.5"),))
SUB = replace(V4, id="s", tag=100)
NUMBER = subport_number(5, 100)


# Plugging


def second_port(found: Records, *, made: bool = True) -> Port:
    port = add_port(found, add_network(found, 7), INSTANCE, OWNER_INSTANCE, 20)
    port.position, port.made_for_device = 1, made
    return port


@pytest.mark.parametrize("made", [True, False])
def test_a_running_guest_gains_a_port_and_loses_it(made: bool) -> None:
    model, found = in_order(1, 0)
    port = second_port(found, made=made)
    while converge(model, found, SETTINGS):
        pass
    assert port.id in model.domains[INSTANCE].nics
    assert port.interface in model.ports
    port.leaving = True
    planned = texts(found, model)
    unplug = planned.index(f"unplug port {port.id} from domain {INSTANCE}")
    assert planned[unplug + 1].startswith("define domain")
    assert f"remove port {port.interface}" in planned
    while converge(model, found, SETTINGS):
        pass
    assert port.id not in model.domains[INSTANCE].nics
    assert port.interface not in model.ports
    assert (port.id in found.ports) is not made


def test_a_network_waits_for_a_port_that_leaves() -> None:
    _, found = in_order(1, 0)
    network = Unit(Kind.NETWORK, next(iter(found.networks)))
    guest = Unit(Kind.INSTANCE, INSTANCE)
    assert order(found, [guest, network]) == [network, guest]
    found.ports_of[INSTANCE][0].leaving = True
    assert order(found, [guest, network]) == [guest, network]


def test_a_stopped_guest_is_defined_with_what_it_has() -> None:
    model, found = in_order(1, 0)
    model.set_state(INSTANCE, State.SHUTOFF)
    found.instances[INSTANCE].power = found.instances[INSTANCE].power.STOPPED
    while converge(model, found, SETTINGS):
        pass
    second_port(found)
    planned = [each for each in texts(found, model) if INSTANCE in each]
    assert [each.split()[0] for each in planned if "domain" in each] == ["define"]


@pytest.mark.parametrize("whole", [True, False])
def test_the_cable_follows_port_and_network(whole: bool) -> None:
    model, found = in_order(1, 0)
    (port,) = found.ports_of[INSTANCE]
    switched = found.networks[port.network_id] if whole else port
    switched.admin_state_up = False
    assert f"set the link of port {port.id} down" in texts(found, model)
    while converge(model, found, SETTINGS):
        pass
    assert model.domains[INSTANCE].unlinked == {port.id}
    assert port.id not in {each.id for each in plugs(found)}
    switched.admin_state_up = True
    assert f"set the link of port {port.id} up" in texts(found, model)
    while converge(model, found, SETTINGS):
        pass
    assert model.domains[INSTANCE].unlinked == frozenset()


# Limits and marks


def facts(found: Records, meters: dict[int, Meter] | None = None) -> OvsFacts:
    there = {
        port.interface: OvsPort(
            port.interface, SETTINGS.bridge, found.vlans[port.network_id], ofport=number,
            labels={IFACE_ID: port.id, CLOUD: SETTINGS.cloud},
        )
        for number, port in enumerate(found.ports.values(), 1)
        if port.device_owner != "trunk:subport"
    }  # fmt: skip
    bridge = OvsBridge(SETTINGS.bridge, labels={}, meters=meters or {})
    return OvsFacts({SETTINGS.bridge: bridge}, there)


def plugs(found: Records) -> list[Plug]:
    return sets.plugs(found, facts(found), SETTINGS)


def limited(kbps: int = 1000, burst: int = 0) -> tuple[Records, Port]:
    found = records(2)
    found.qos_rules["slow"] = [
        QosRule(id="r", policy_id="slow", type=qos.BANDWIDTH, max_kbps=kbps, max_burst_kbits=burst)
    ]
    port = found.ports_of[INSTANCE][0]
    port.qos_policy_id = "slow"
    return found, port


def test_a_limit_is_a_meter_that_stands_before_its_flows_and_goes_after_them() -> None:
    found, port = limited()
    steps = plan(UNIT, found, Facts(ovs=facts(found)), SETTINGS).steps
    write, flows = steps
    assert isinstance(write, WriteMeters)
    ((number, meter),) = write.meters
    assert meter == Meter(1000, 800)
    assert isinstance(flows, WriteFlowSets)
    spelled = [each for one in flows.sets for each in one.flows]
    ofport = next(each.ofport for each in plugs(found) if each.id == port.id)
    sent = f"table=91,priority=10,reg5={ofport},actions=meter:{number},resubmit(,73)"
    assert [each for each in spelled if "meter:" in each] == [sent]
    port.qos_policy_id = None
    after = plan(UNIT, found, Facts(ovs=facts(found, {number: meter})), SETTINGS).steps
    assert after[-1] == RemoveMeters(SETTINGS.bridge, (number,))


def test_a_new_rate_changes_the_meter_alone() -> None:
    found, _ = limited()
    before = sets.wanted(plugs(found), found, facts(found), SETTINGS)
    found.qos_rules["slow"][0].max_kbps = 5000
    found.qos_rules["slow"][0].max_burst_kbits = 10
    assert [each.cookie for each in sets.wanted(plugs(found), found, facts(found), SETTINGS)] == [
        each.cookie for each in before
    ]
    assert list(sets.meters(plugs(found), found).values()) == [Meter(5000, 10)]


def test_a_network_s_policy_is_for_guests_without_their_own() -> None:
    found, port = limited()
    port.qos_policy_id = None
    network = found.networks[port.network_id]
    network.qos_policy_id = "slow"
    policies = {each.id: qos.policy_of(each, found) for each in found.ports.values()}
    owners = {each.id: each.device_owner for each in found.ports.values()}
    assert {id_ for id_, policy in policies.items() if policy} == {
        id_ for id_, owner in owners.items() if owner == OWNER_INSTANCE
    }
    port.qos_policy_id = "own"
    assert qos.policy_of(port, found) == "own"


def test_what_is_for_many_is_not_metered_at_its_receivers() -> None:
    flows = ports.flows(replace(V4, shaping=Shaping(ingress=9)), [])
    received = [each for each in flows if each.startswith("table=92,")]
    assert all("meter:9" in each for each in received if "01:00:00:00:00:00/01" not in each[-90:])
    assert [each for each in received if "meter" not in each] == [
        "table=92,priority=15,reg5=5,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=output:5"
    ]


def test_a_mark_is_put_on_both_versions_and_on_nothing_else() -> None:
    flows = ports.flows(replace(V4, shaping=Shaping(egress=4, dscp=46)), [])
    assert [each for each in flows if "ip_dscp" in each] == [
        f"table=91,priority=12,{name},reg5=5,actions=meter:4,set_field:46->ip_dscp,resubmit(,73)"
        for name in ("ip", "ipv6")
    ]


def test_meters_have_numbers_of_their_own() -> None:
    keys = [f"port-{number} egress" for number in range(3000)]
    found = qos.numbers(keys)
    assert len(set(found.values())) == 3000
    assert min(found.values()) >= 1
    assert max(found.values()) <= 0xFFFF
    assert found == qos.numbers(reversed(keys))


# Trunks


def trunk() -> tuple[Records, Port, Port]:
    found = records(2)
    parent = found.ports_of[INSTANCE][0]
    subport = add_port(found, add_network(found, 5), ident("trunk"), "trunk:subport", 30)
    found.trunks[parent.id] = Trunk(
        id=ident("trunk"), project_id="project", name="t", port_id=parent.id, created_at=1.0
    )
    found.subports[ident("trunk")] = [
        Subport(port_id=subport.id, trunk_id=ident("trunk"), segmentation_id=100)
    ]
    return found, parent, subport


def test_a_subport_is_where_its_parent_is_under_its_tag() -> None:
    found, parent, subport = trunk()
    by_id = {each.id: each for each in plugs(found)}
    mine = by_id[subport.id]
    assert (mine.ofport, mine.tag) == (by_id[parent.id].ofport, 100)
    assert mine.zone != by_id[parent.id].zone
    found.trunks[parent.id].admin_state_up = False
    assert subport.id not in {each.id for each in plugs(found)}
    found.trunks[parent.id].admin_state_up = True
    parent.admin_state_up = False
    assert subport.id not in {each.id for each in plugs(found)}


def test_a_subport_s_frames_come_and_go_with_their_tag() -> None:
    flows = ports.flows(SUB, [("table=82,priority=77,reg5=", ",ip,actions=resubmit(,92)")])
    out = "push_vlan:0x8100,set_field:4196->vlan_vid,output:5"
    assert f"table=82,priority=77,reg5={NUMBER},ip,actions=resubmit(,92)" in flows
    assert flows[0] == (
        "table=60,priority=100,in_port=5,dl_vlan=100,"
        f"actions=pop_vlan,set_field:{NUMBER}->reg5,set_field:3->reg6,resubmit(,71)"
    )
    assert f"table=92,priority=10,reg5={NUMBER},actions={out}" in flows
    assert not [each for each in flows if "priority=99" in each]
    assert not [each for each in flows if "reg5=5," in each]


def test_what_many_get_is_not_tagged_for_the_others() -> None:
    flows = networks.flows(3, [replace(SUB, filtered=False), replace(V4, ofport=6)], [])
    spread = next(each for each in flows if ",arp," in each)
    assert spread.endswith(
        "actions=clone(push_vlan:0x8100,set_field:4196->vlan_vid,output:5),output:6"
    )


def test_a_subport_s_number_is_nobody_else_s() -> None:
    assert subport_number(1, 1) > 0xFFFF
    assert len({subport_number(port, vlan) for port in (1, 2, 4095) for vlan in (1, 4094)}) == 6
    assert subport_number(0xFEFF, 4094) < 1 << 32


def test_a_parent_s_label_carries_its_trunk() -> None:
    found, parent, subport = trunk()
    text = labels.port(found, parent)
    assert '"trunk":{' in text
    assert subport.id in text
    assert '"trunk":{' not in labels.port(found, subport)
