"""What is written anew when something changes, and how much there is of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backends.drivers.facts import Facts
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, OvsBridge, OvsFacts, OvsPort
from backends.drivers.ovs.steps import ForgetConnections, WriteFlowSets
from backends.plan.firewall import sets
from backends.plan.firewall.plan import plan
from backends.plan.firewall.ports import Plug
from backends.plan.firewall.wanted import PortSets
from backends.plan.firewall.zones import zone
from backends.records.network import OWNER_INSTANCE
from backends.records.security import AddressGroup, SecurityGroup, SecurityGroupRule
from backends.records.snapshot import Records
from backends.records.unit import Kind, Unit
from tests.sample_records import PROJECT, SETTINGS, add_network, add_port, ident, records

UNIT = Unit(Kind.FIREWALL, SETTINGS.host)
GROUP = ident("group")
MAC = "fa:16:3e:00:00:05"


def plugged(found: Records) -> OvsFacts:
    """Every port of the records on the bridge, and no flows."""
    ports = {
        port.interface: OvsPort(
            port.interface, SETTINGS.bridge, found.vlans[port.network_id], ofport=number,
            labels={IFACE_ID: port.id, CLOUD: SETTINGS.cloud},
        )
        for number, port in enumerate(found.ports.values(), 1)
    }  # fmt: skip
    return OvsFacts({SETTINGS.bridge: OvsBridge(SETTINGS.bridge, labels={})}, ports)


def written(found: Records, facts: OvsFacts) -> OvsFacts:
    """The facts once everything is written."""
    wanted = sets.wanted(sets.plugs(found, facts, SETTINGS), found, facts, SETTINGS)
    bridge = replace(
        facts.bridges[SETTINGS.bridge],
        sets={each.owner: each.cookie for each in wanted},
        flow_count=sum(each.count + 1 for each in wanted),
    )
    return replace(facts, bridges={SETTINGS.bridge: bridge})


def steps(found: Records, facts: OvsFacts) -> tuple[object, ...]:
    return plan(UNIT, found, Facts(ovs=facts), SETTINGS).steps


def write(found: Records, facts: OvsFacts) -> WriteFlowSets:
    (step,) = steps(found, facts)
    assert isinstance(step, WriteFlowSets)
    return step


def cloud(instances: int) -> Records:
    """A cloud whose default group lets itself in."""
    found = records(instances)
    found.rules[GROUP].append(
        SecurityGroupRule(id="in", group_id=GROUP, direction="ingress", remote_group_id=GROUP)
    )
    return found


def owner(found: Records, number: int) -> int:
    (port,) = found.ports_of[ident("instance", number)]
    return sets.port_owner(port.id)


def test_in_order_there_is_nothing_to_do() -> None:
    found = cloud(5)
    assert not plan(UNIT, found, Facts(ovs=written(found, plugged(found))), SETTINGS)


def test_a_switch_that_forgot_gets_everything_and_keeps_nothing_else() -> None:
    found = cloud(3)
    step = write(found, plugged(found))
    assert step.swept is None
    assert {each.owner for each in step.sets} >= {sets.BASE, sets.JOINS, owner(found, 0)}


def test_flows_that_somebody_deleted_are_missed() -> None:
    found = cloud(3)
    facts = written(found, plugged(found))
    bridge = facts.bridges[SETTINGS.bridge]
    fewer = replace(bridge, flow_count=bridge.flow_count - 1)
    assert write(found, replace(facts, bridges={SETTINGS.bridge: fewer})).swept is None


def test_a_port_that_got_another_number_has_its_own_sets_alone_written() -> None:
    found = cloud(50)
    facts = written(found, plugged(found))
    (port,) = found.ports_of[ident("instance", 7)]
    moved = replace(facts.ports[port.interface], ofport=999)
    step = write(found, replace(facts, ports={**facts.ports, port.interface: moved}))
    network = sets.network_owner(zone(SETTINGS, found.vlans[port.network_id]))
    assert {each.owner for each in step.sets} == {sets.port_owner(port.id), network}
    assert len(step.swept or ()) == 2


def test_a_member_who_goes_takes_few_flows_along() -> None:
    found = cloud(200)
    facts = written(found, plugged(found))
    (port,) = found.ports_of[ident("instance", 7)]
    port.absent = True
    step = write(found, facts)
    assert sum(len(each.flows) for each in step.sets) < 40
    cookies = facts.bridges[SETTINGS.bridge].sets
    assert cookies[sets.port_owner(port.id)] in (step.swept or ())


def test_a_rule_changes_the_ports_of_its_group_alone() -> None:
    found = cloud(4)
    (outsider,) = found.ports_of[ident("instance", 3)]
    found.groups[PROJECT].append(SecurityGroup(id="web", project_id=PROJECT, name="web"))
    found.groups_of[outsider.id] = ["web"]
    facts = written(found, plugged(found))
    found.rules["web"] = [
        SecurityGroupRule(id="80", group_id="web", direction="ingress", protocol="tcp",
                          port_min=80, port_max=80)
    ]  # fmt: skip
    assert [each.owner for each in write(found, facts).sets] == [sets.port_owner(outsider.id)]


@pytest.mark.parametrize(
    "change",
    [
        lambda port: setattr(port, "absent", True),
        lambda port: setattr(port, "admin_state_up", False),
    ],
)
def test_what_is_down_or_going_has_no_flows(change: Callable[[object], None]) -> None:
    found = cloud(1)
    facts = plugged(found)
    (port,) = found.ports_of[ident("instance", 0)]
    change(port)
    assert sets.port_owner(port.id) not in {each.owner for each in write(found, facts).sets}


@pytest.mark.parametrize(
    "foreign",
    [{"bridge": "br-other"}, {"ofport": -1}, {"labels": {IFACE_ID: "another"}}, {"labels": {}}],
)
def test_a_port_that_is_not_the_records_has_no_flows(foreign: dict[str, Any]) -> None:
    found = cloud(1)
    facts = plugged(found)
    (port,) = found.ports_of[ident("instance", 0)]
    strange = replace(facts.ports[port.interface], **foreign)
    step = write(found, replace(facts, ports={**facts.ports, port.interface: strange}))
    assert sets.port_owner(port.id) not in {each.owner for each in step.sets}


def test_ports_of_our_own_and_those_without_security_are_not_filtered() -> None:
    found = cloud(2)
    facts = plugged(found)
    (free,) = found.ports_of[ident("instance", 0)]
    free.port_security = False
    filtered = {plug.id: plug.filtered for plug in sets.plugs(found, facts, SETTINGS)}
    (kept,) = found.ports_of[ident("instance", 1)]
    assert filtered.pop(kept.id) is True
    assert free.id in filtered
    assert set(filtered.values()) == {False}


def test_a_network_that_goes_takes_its_connections_along() -> None:
    found = cloud(1)
    facts = written(found, plugged(found))
    for port in found.ports.values():
        port.absent = True
    forget, step = steps(found, facts)
    assert forget == ForgetConnections(zone(SETTINGS, 1))
    assert isinstance(step, WriteFlowSets)


def test_flows_grow_with_the_members_of_a_group_and_not_with_their_pairs() -> None:
    def count(instances: int) -> int:
        found = cloud(instances)
        return sum(len(each.flows) for each in write(found, plugged(found)).sets)

    one, fifty, hundred, two_hundred = (count(each) for each in (1, 50, 100, 200))
    each = (fifty - one) / 49
    assert hundred - fifty == pytest.approx(50 * each)
    assert two_hundred - hundred == pytest.approx(100 * each)
    assert each < 50


def test_no_two_sets_have_a_flow_with_the_same_match() -> None:
    found = cloud(20)
    flows = [flow for each in write(found, plugged(found)).sets for flow in each.flows]
    matches = [flow.partition(",actions=")[0] for flow in flows]
    assert len(set(matches)) == len(matches)


def members(found: Records) -> set[str]:
    step = write(found, plugged(found))
    return {
        flow.partition("nw_src=")[2].partition(",")[0]
        for each in step.sets
        for flow in each.flows
        if "conjunction(" in flow and flow.startswith("table=82") and "nw_src=" in flow
    }


def test_a_members_address_counts_on_another_network_unless_it_is_that_networks_own() -> None:
    found = cloud(1)
    far = add_network(found, 1)
    add_port(found, far, "far", OWNER_INSTANCE, 7)
    assert {"10.0.0.10", "10.1.0.7"} <= members(found)
    # The same range twice: the address may be somebody else's there.
    found.subnets[far.id][0].cidr = found.subnets[ident("network", 0)][0].cidr
    (port,) = found.ports_of["far"]
    found.addresses[port.id][0].address = "10.0.0.77"
    step = write(found, plugged(found))
    flows = [flow for each in step.sets for flow in each.flows if "nw_src=10.0.0.77" in flow]
    own = zone(SETTINGS, found.vlans[far.id])
    assert [flow for flow in flows if flow.startswith("table=82")] == [
        each for each in flows if f"reg6={own}," in each and each.startswith("table=82")
    ]


def test_allowed_addresses_are_members_addresses() -> None:
    found = cloud(1)
    (port,) = found.ports_of[ident("instance", 0)]
    port.allowed_address_pairs = [{"ip_address": "10.0.9.0/28", "mac_address": ""}]
    assert "10.0.9.0/28" in members(found)


def name_addresses(found: Records, *addresses: str) -> AddressGroup:
    """The default group lets in these addresses."""
    row = AddressGroup(id="offices", project_id=PROJECT, name="offices", addresses=list(addresses))
    found.address_groups[PROJECT] = [row]
    found.rules[GROUP].append(
        SecurityGroupRule(
            id="named", group_id=GROUP, direction="ingress", protocol="tcp",
            remote_address_group_id=row.id,
        )
    )  # fmt: skip
    return row


def test_an_address_groups_flows_are_of_its_addresses_and_of_the_ports_not_of_their_pairs() -> None:
    def count(instances: int, addresses: int) -> int:
        found = records(instances)
        name_addresses(found, *(f"10.9.{each}.0/24" for each in range(addresses)))
        return sum(len(each.flows) for each in write(found, plugged(found)).sets)

    plain = count(10, 0)
    # A match of what comes in and one of the answers, for each address in each network.
    assert count(10, 100) - plain == 200
    assert count(20, 100) - count(10, 100) == count(20, 0) - plain


def test_an_address_that_leaves_its_group_takes_its_own_set_along() -> None:
    found = cloud(20)
    row = name_addresses(found, "10.9.0.0/24", "10.9.1.7/32", "fd00::/64")
    assert {"10.9.0.0/24", "10.9.1.7"} <= members(found)
    facts = written(found, plugged(found))
    row.addresses = ["10.9.0.0/24", "fd00::/64"]
    step = write(found, facts)
    assert "10.9.1.7" not in members(found)
    # At most the set it was in; one that has no other member is swept alone.
    assert len(step.sets) <= 1
    assert len(step.swept or ()) == 1


def test_an_address_that_is_in_groups_of_both_kinds_has_one_flow() -> None:
    found = cloud(3)
    name_addresses(found, "10.0.0.10/32")
    flows = [flow for each in write(found, plugged(found)).sets for flow in each.flows]
    (one,) = [each for each in flows if "table=82" in each and "nw_src=10.0.0.10," in each]
    assert one.count("conjunction(") == 2


def test_the_rules_of_a_stateless_group_look_at_packets() -> None:
    found = cloud(2)
    (group,) = found.groups[PROJECT]
    group.stateful = False
    facts = plugged(found)
    of_ports = [plug for plug in sets.plugs(found, facts, SETTINGS) if plug.filtered]
    assert all(plug.stateless for plug in of_ports)
    owners = {sets.port_owner(plug.id) for plug in of_ports}
    flows = [
        flow
        for each in write(found, facts).sets
        if each.owner in owners
        for flow in each.flows
        if flow.startswith(("table=72", "table=82"))
    ]
    assert flows
    assert not any("ct_state" in each for each in flows)
    # Only in a rule's own direction: what answers takes a rule of its own.
    assert sum(each.startswith("table=82") for each in flows) == len(of_ports)


@pytest.mark.parametrize(
    "change",
    [
        {"ofport": 8},
        {"stateless": True},
        {"zone": 4},
        {"mac": "fa:16:3e:00:00:99"},
        {"filtered": False},
        {"pairs": ((MAC, "10.0.0.6"),)},
        {"pairs": ((MAC, "10.0.0.5"), (MAC, "2001:db8::5"))},
        {"pairs": ((MAC, "10.0.0.5"), ("fa:16:3e:00:00:77", "10.0.0.5"))},
    ],
)
def test_a_ports_cookie_changes_with_its_flows(change: dict[str, Any]) -> None:
    rules = PortSets([("table=72,priority=77,reg5=", ",ip,actions=resubmit(,73)")])
    plug = Plug("p", 7, 3, MAC, True, ((MAC, "10.0.0.5"),))
    other = replace(plug, **change)
    one, two = rules.of(1, plug), rules.of(1, other)
    assert one.flow_set().flows != two.flow_set().flows
    assert one.cookie != two.cookie
    assert rules.of(1, plug).cookie == one.cookie
    assert one.count == len(one.flow_set().flows)
    assert two.count == len(two.flow_set().flows)


def test_a_ports_cookie_changes_with_its_groups_rules() -> None:
    plug = Plug("p", 7, 3, MAC, True, ((MAC, "10.0.0.5"),))
    rule = ("table=72,priority=77,reg5=", ",ip,actions=resubmit(,73)")
    assert PortSets([rule]).of(1, plug).cookie != PortSets([]).of(1, plug).cookie
