"""The external bridge: made without a moment in which a loop could form, and taken away again."""

from __future__ import annotations

from backends.drivers.ovs.facts import OvsPort
from backends.drivers.ovs.steps import AddPatch
from backends.plan import provider
from backends.plan.converge import plan
from backends.records.snapshot import Records
from backends.records.tables import Network
from backends.records.unit import Kind, Unit
from tests.machine_model import Model, converge
from tests.sample_records import PROJECT, SETTINGS, add_outside, ident, records

UNIT = Unit(Kind.HOST, "deck")
BRIDGE = "br-ex-5a5a"
INNER, OUTER = "int-br-ex-5a5a", "phy-br-ex-5a5a"
SHUT = "nonexistent-peer"


def in_order() -> tuple[Model, Records]:
    model, found = Model(), records(1)
    add_outside(found)
    while converge(model, found, SETTINGS):
        pass
    return model, found


def steps(model: Model, found: Records) -> list[str]:
    return [type(each).__name__ for each in plan(found, model.facts(), SETTINGS, [UNIT]).steps]


def test_the_patch_is_opened_after_the_flows_are_written() -> None:
    found = records(1)
    add_outside(found)
    planned = list(plan(found, Model().facts(), SETTINGS, [UNIT]).steps)
    assert [type(each).__name__ for each in planned] == [
        "AddBridge", "AddBridge", "AddPatch", "AddPatch", "WriteFlows", "AddPatch", "AddPatch",
        "SetInterface", "SetSysctls", "WriteRules", "WriteLabel",
    ]  # fmt: skip
    patches = [(each.name, each.peer) for each in planned if isinstance(each, AddPatch)]
    assert patches == [
        (INNER, SHUT), (OUTER, SHUT), (INNER, OUTER), (OUTER, INNER),
    ]  # fmt: skip


def test_in_order_there_is_nothing_to_do() -> None:
    model, found = in_order()
    assert steps(model, found) == []
    interface = model.routing.host.interface(BRIDGE)
    assert interface is not None
    assert interface.addresses == {"203.0.113.1/24"}


def test_a_lost_end_is_closed_before_it_is_opened() -> None:
    model, found = in_order()
    del model.ports[OUTER]
    planned = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    assert [each.peer for each in planned if isinstance(each, AddPatch)] == [SHUT, INNER]


def test_the_flows_of_flat_and_vlan_networks() -> None:
    found = records(1)
    add_outside(found)
    wire = Network(
        id=ident("wire"), project_id=PROJECT, name="wire", created_at=1.0, network_type="vlan",
        physical_network="provider", segmentation_id=77,
    )  # fmt: skip
    found.networks[wire.id] = wire
    found.vlans[wire.id] = 100
    assert provider.external_flows(found) == (
        "table=0,priority=4,in_port=65000,dl_vlan=99,actions=strip_vlan,NORMAL",
        "table=0,priority=4,in_port=65000,dl_vlan=100,actions=mod_vlan_vid:77,NORMAL",
        "table=0,priority=2,in_port=65000,actions=drop",
        "table=0,priority=0,actions=NORMAL",
    )
    model = Model()
    while converge(model, found, SETTINGS):
        pass
    facts = model.facts().ovs
    assert list(provider.arrivals(found, facts, SETTINGS)) == [
        "table=0,priority=30,in_port=65000,vlan_tci=0x0000/0x1fff,actions=push_vlan:0x8100,"
        f"set_field:{0x1000 | 99}->vlan_vid,set_field:1->reg7,resubmit(,60)",
        "table=0,priority=30,in_port=65000,dl_vlan=77,"
        f"actions=set_field:{0x1000 | 100}->vlan_vid,set_field:1->reg7,resubmit(,60)",
        "table=0,priority=20,in_port=65000,actions=drop",
    ]


def test_a_network_card_on_the_bridge_takes_the_hosts_place() -> None:
    model, found = in_order()
    model.ports["eth1"] = OvsPort("eth1", BRIDGE, ofport=1)
    assert steps(model, found) == ["SetInterface", "RemoveRules"]
    while converge(model, found, SETTINGS):
        pass
    interface = model.routing.host.interface(BRIDGE)
    assert interface is not None
    assert interface.addresses == frozenset()


def test_without_provider_networks_it_goes() -> None:
    model, found = in_order()
    found.networks[ident("outside")].absent = True
    assert steps(model, found) == ["RemoveRules", "RemovePort", "RemovePort", "RemoveBridge"]
    while converge(model, found, SETTINGS):
        pass
    assert set(model.bridges) == {SETTINGS.bridge}
    assert model.routing.rules == {}


def test_names_beside_other_bridges() -> None:
    from dataclasses import replace

    default = replace(SETTINGS, bridge="br-int")
    assert default.external_bridge == "br-ex"
    assert default.patch == ("int-br-ex", "phy-br-ex")
    for bridge in ("br-int", "br-int-5a5a", "br-ab12"):
        settings = replace(SETTINGS, bridge=bridge)
        names = (settings.external_bridge, *settings.patch)
        assert bridge not in names
        assert all(len(name) <= 15 for name in names)
