"""Tunnels to other hosts: which there are, what goes through them, and in what order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.drivers.ovs.facts import OvsPort
from backends.drivers.ovs.steps import AddPatch, AddTunnel, RemoveBridge, WriteFlowSets
from backends.inspect import tunnels as words
from backends.inspect.flows import owners
from backends.inspect.names import names
from backends.plan import tunnel, tunnel_flows
from backends.plan.converge import is_here, plan
from backends.plan.orphans import orphans
from backends.records.network import OWNER_INSTANCE
from backends.records.snapshot import Records
from backends.records.tables import HostRecord, Network
from backends.records.unit import Kind, Unit
from tests.machine_model import Model, converge
from tests.sample_records import PROJECT, SETTINGS, add_network, add_port, ident, records

UNIT = Unit(Kind.FIREWALL, "deck")
BRIDGE = "br-tun-5a5a"
INNER, OUTER = "patch-tun-5a5a", "patch-int-5a5a"


def fleet(*, away: tuple[str, ...] = ("far",), vni: int = 77) -> tuple[Records, Network]:
    """This host and others; a VXLAN network with a DHCP server here and an instance on each."""
    found = records(0)
    for number, name in enumerate(("deck", *away), 1):
        found.hosts[name] = HostRecord(
            name=name,
            tunnel_address=f"10.0.0.{number}",
            underlay_mtu=1500,
            created_at=float(number),
        )  # fmt: skip
    network = add_network(found)
    network.network_type, network.segmentation_id = "vxlan", vni
    for number, name in enumerate(away, 10):
        add_port(found, network, f"vm-{name}", OWNER_INSTANCE, number).host = name
    return found, network


def in_order(found: Records) -> Model:
    model = Model()
    settle(model, found)
    return model


def settle(model: Model, found: Records) -> None:
    for _ in range(5):
        if not converge(model, found, SETTINGS):
            return
    raise AssertionError([step.text for step in plan(found, model.facts(), SETTINGS).steps])


def kinds(model: Model, found: Records) -> list[str]:
    return [type(each).__name__ for each in plan(found, model.facts(), SETTINGS, [UNIT]).steps]


def flows(model: Model, found: Records) -> list[str]:
    wanted = tunnel_flows.wanted(found, model.facts().ovs, SETTINGS)
    return [flow for each in wanted for flow in each.flow_set().flows]


def of_table(number: int, all_flows: list[str]) -> list[str]:
    return [each for each in all_flows if each.startswith(f"table={number},")]


def test_the_patch_is_opened_after_the_flows_are_written() -> None:
    found, _ = fleet()
    model = Model()
    first = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    assert [type(each).__name__ for each in first] == [
        "AddBridge", "AddPatch", "AddPatch", "AddTunnel",
    ]  # fmt: skip
    patches = [(each.name, each.peer) for each in first if isinstance(each, AddPatch)]
    assert patches == [(INNER, "nonexistent-peer"), (OUTER, "nonexistent-peer")]
    for each in first:
        model.apply(each)
    second = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    assert [type(each).__name__ for each in second][-2:] == ["AddPatch", "AddPatch"]
    written = [each.bridge for each in second if isinstance(each, WriteFlowSets)]
    assert written == [BRIDGE, SETTINGS.bridge]
    assert [each.peer for each in second if isinstance(each, AddPatch)] == [OUTER, INNER]


def test_in_order_there_is_nothing_to_do_and_no_orphan() -> None:
    found, _ = fleet()
    model = in_order(found)
    assert kinds(model, found) == []
    assert list(orphans(found, model.facts(), SETTINGS)) == []


@pytest.mark.parametrize(
    ("lost", "planned"),
    [
        (OUTER, ["AddPatch"]),
        (INNER, ["AddPatch"]),
        ("tunnel", ["AddTunnel"]),
        ("flows", ["WriteFlowSets"]),
        ("one flow", ["WriteFlowSets"]),
        ("peer", ["AddPatch"]),
        ("remote", ["AddTunnel"]),
    ],
)
def test_what_is_lost_is_put_back(lost: str, planned: list[str]) -> None:
    found, _ = fleet()
    model = in_order(found)
    (link,) = tunnel.tunnels(found, SETTINGS).values()
    bridge = model.bridges[BRIDGE]
    match lost:
        case "tunnel":
            del model.ports[link.name]
        case "flows":
            model.bridges[BRIDGE] = replace(bridge, sets={}, flow_count=0)
        case "one flow":
            model.bridges[BRIDGE] = replace(bridge, flow_count=bridge.flow_count - 1)
        case "peer":
            model.ports[INNER] = replace(model.ports[INNER], peer="nobody")
        case "remote":
            astray = replace(model.ports[link.name], tunnel=("10.0.0.1", "10.0.0.9"))
            model.ports[link.name] = astray
        case _:
            del model.ports[lost]
    assert kinds(model, found) == planned
    settle(model, found)
    assert model.ports[INNER].peer == OUTER
    assert model.ports[link.name].tunnel == ("10.0.0.1", "10.0.0.2")


def test_a_tunnel_leads_to_each_host_that_shares_a_network_and_to_no_other() -> None:
    found, _ = fleet(away=("far", "apart", "mute"))
    other = add_network(found, 1)
    other.network_type, other.segmentation_id = "vxlan", 78
    for port in found.ports_on[other.id]:
        port.host = "apart"
    for port in [each for each in found.ports.values() if each.device_id == "vm-apart"]:
        port.absent = True
    found.hosts["mute"].tunnel_address = ""
    assert sorted(tunnel.tunnels(found, SETTINGS)) == ["far"]
    assert [each.network.segmentation_id for each in tunnel.segments(found)] == [77]


def test_hosts_of_another_ip_version_are_out_of_reach() -> None:
    found, _ = fleet()
    found.hosts["far"].tunnel_address = "fd00::2"
    assert tunnel.tunnels(found, SETTINGS) == {}


def test_ports_are_named_by_a_hash_that_tells_clouds_apart() -> None:
    found, _ = fleet()
    (mine,) = tunnel.tunnels(found, SETTINGS).values()
    (theirs,) = tunnel.tunnels(found, replace(SETTINGS, cloud="other")).values()
    assert isinstance(mine, AddTunnel)
    assert len(mine.name) <= 15
    assert mine.name != theirs.name
    found.hosts["far"].tunnel_address = found.hosts["deck"].tunnel_address = "fd00::1"
    found.hosts["far"].tunnel_address = "fd00:1234:5678:9abc:def0:1234:5678:9abc"
    (six,) = tunnel.tunnels(found, SETTINGS).values()
    assert len(six.name) <= 15


def test_unicast_knows_its_host_and_arp_is_answered() -> None:
    found, network = fleet()
    model = in_order(found)
    (link,) = tunnel.tunnels(found, SETTINGS).values()
    number = model.ports[link.name].ofport
    (port,) = [each for each in found.ports.values() if each.host == "far"]
    (address,) = found.addresses[port.id]
    vlan = found.vlans[network.id]
    written = flows(model, found)
    unicast = [each for each in of_table(20, written) if "dl_dst" in each]
    assert unicast == [
        f"table=20,priority=2,dl_vlan={vlan},dl_dst={port.mac},"
        f"actions=pop_vlan,set_field:0x4d->tun_id,output:{number}"
    ]
    (answer,) = [each for each in of_table(21, written) if "arp_tpa" in each]
    assert f"arp_tpa={address.address}," in answer
    assert f"set_field:{port.mac}->arp_sha" in answer
    assert answer.endswith("in_port")
    flood = [each for each in of_table(22, written) if "dl_vlan" in each]
    assert flood == [
        f"table=22,priority=1,dl_vlan={vlan},"
        f"actions=pop_vlan,set_field:0x4d->tun_id,output:{number}"
    ]


def test_nothing_goes_from_a_tunnel_into_a_tunnel() -> None:
    found, _ = fleet(away=("far", "farther"))
    model = in_order(found)
    numbers = {model.ports[each.name].ofport for each in tunnel.tunnels(found, SETTINGS).values()}
    for flow in of_table(10, flows(model, found)):
        outputs = flow.rpartition("),")[2] if "learn(" in flow else flow.partition("actions=")[2]
        assert outputs in (f"output:{tunnel.PATCH}", "drop")
    # And what comes from one goes to the tables of what comes from one.
    for number in numbers:
        assert f"table=0,priority=1,in_port={number},actions=resubmit(,4)" in flows(model, found)


def test_a_network_without_a_port_here_is_not_known_here() -> None:
    found, network = fleet()
    for port in found.ports_on[network.id]:
        port.host = "far"
    model = in_order(found)
    assert not [each for each in of_table(4, flows(model, found)) if "tun_id" in each]
    assert tunnel.tunnels(found, SETTINGS) == {}


def test_a_port_that_comes_changes_its_networks_set_alone() -> None:
    found, network = fleet()
    facts = in_order(found).facts().ovs
    sets = tunnel_flows.wanted(found, facts, SETTINGS)
    before = {each.owner: each.cookie for each in sets}
    add_port(found, network, "vm-late", OWNER_INSTANCE, 40).host = "far"
    after = {each.owner: each.cookie for each in tunnel_flows.wanted(found, facts, SETTINGS)}
    changed = [owner for owner in after if before.get(owner) != after[owner]]
    assert changed == [tunnel_flows.network_owner(found.vlans[network.id])]


def test_what_was_learned_goes_with_its_tunnel() -> None:
    found, _ = fleet()
    model = in_order(found)
    owner = tunnel_flows.tunnel_owner("10.0.0.2")
    for port in [each for each in found.ports.values() if each.host == "far"]:
        port.absent = True
    steps = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    (write,) = [each for each in steps if isinstance(each, WriteFlowSets) and each.bridge == BRIDGE]
    assert tunnel_flows.learned_cookie(owner) in (write.swept or ())
    assert type(steps[-1]).__name__ == "RemovePort"


def test_a_host_without_an_address_has_no_bridge() -> None:
    found, _ = fleet()
    model = in_order(found)
    found.hosts["deck"].tunnel_address = ""
    steps = plan(found, model.facts(), SETTINGS, [UNIT]).steps
    assert any(isinstance(each, RemoveBridge) and each.name == BRIDGE for each in steps)
    settle(model, found)
    assert BRIDGE not in model.bridges
    assert INNER not in model.ports


def test_a_strangers_tunnel_is_left_alone() -> None:
    found, _ = fleet()
    model = in_order(found)
    stranger = OvsPort("vxlan-mine", BRIDGE, ofport=9, tunnel=("10.0.0.1", "10.0.0.7"))
    model.ports["vxlan-mine"] = stranger
    assert kinds(model, found) == []


def test_each_host_converges_its_own() -> None:
    found, network = fleet()
    away = Network(id=ident("away"), project_id=PROJECT, name="away", host="far")
    found.networks[away.id] = away
    units = {unit: is_here(unit, found) for unit in found.units()}
    assert units[Unit(Kind.NETWORK, network.id)]  # no host: the oldest one's
    assert not units[Unit(Kind.NETWORK, away.id)]
    assert units[Unit(Kind.PROJECT, PROJECT)]
    assert units[UNIT]
    assert not is_here(Unit(Kind.FIREWALL, "far"), found)
    # The only host may have another name by now.
    del found.hosts["far"]
    found.hosts["old"] = found.hosts.pop("deck")
    assert is_here(Unit(Kind.NETWORK, away.id), found)


def test_flows_of_tunnels_have_their_owner_and_words() -> None:
    found, network = fleet()
    model = in_order(found)
    known = names(found, model.facts().ovs, SETTINGS)
    far = tunnel_flows.tunnel_owner("10.0.0.2")
    canaries = [(1, tunnel_flows.BASE), (2, far), (3, tunnel_flows.network_owner(1))]
    who = owners(canaries, known, BRIDGE)
    assert [who[each].title for each in (1, 2, 3)] == ["every tunnel", "tunnel to far", "net-0"]
    assert who[3].network is network
    assert who[tunnel_flows.learned_cookie(far)].title == "learned from far"
    (link,) = tunnel.tunnels(found, SETTINGS).values()
    number = model.ports[link.name].ofport
    assert known.port_title(BRIDGE, number) == f"{link.name} to far"
    assert words.action_words("set_field:0x4d->tun_id", known) == (
        "make the tunnel's id 77 (network net-0)"
    )
    assert words.action_words("learn(table=20,hard_timeout=300,priority=1)", known) == (
        "learn which port or host this MAC is at, for 300 s"
    )
    assert words.action_words("drop", known) is None
