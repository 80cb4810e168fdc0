"""Routers: exact steps from nothing, none in order, and the order in which addresses go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.drivers.conntrack.steps import CutConnections
from backends.drivers.namespaces.steps import SetInterface, SetRoutes
from backends.drivers.nftables.steps import WriteRules
from backends.plan import nat
from backends.plan.converge import plan
from backends.plan.orphans import orphans
from backends.records.network import OWNER_GATEWAY
from backends.records.snapshot import Records
from backends.records.tables import Router, Subnet
from backends.records.unit import Kind, Unit
from backends.settings import router_namespace
from tests.machine_model import Model, converge
from tests.sample_records import (
    SETTINGS,
    add_float,
    add_network,
    add_outside,
    add_router,
    ident,
    records,
)

ROUTER = ident("router")
HOME = router_namespace(ROUTER)
UNIT = Unit(Kind.ROUTER, ROUTER)
FLOATING, FIXED = "203.0.113.20", "10.0.0.10"


def sample() -> tuple[Records, Router]:
    """An instance on a network with a router that leads out, and a floating IP."""
    found = records(1)
    outside = add_outside(found)
    router = add_router(found, found.networks[ident("network", 0)], outside=outside)
    (port,) = found.ports_of[ident("instance", 0)]
    add_float(found, router, port)
    return found, router


def in_order() -> tuple[Model, Records, Router]:
    found, router = sample()
    model = Model()
    for _ in range(4):
        if not converge(model, found, SETTINGS):
            return model, found, router
    raise AssertionError([step.text for step in plan(found, model.facts(), SETTINGS).steps])


def steps(model: Model, found: Records) -> list[str]:
    return [type(each).__name__ for each in plan(found, model.facts(), SETTINGS, [UNIT]).steps]


def interface(found: Records, owner: str = OWNER_GATEWAY) -> str:
    return next(p.interface for p in found.ports_of[ROUTER] if p.device_owner == owner)


def test_from_nothing_nat_comes_before_the_addresses() -> None:
    found, _ = sample()
    assert steps(Model(), found) == [
        "WriteLabel", "AddNamespace", "SetSysctls", "WriteRules",
        "AddPort", "SetInterface", "AddPort", "SetInterface", "SetRoutes", "ServeMetadata",
    ]  # fmt: skip


def test_its_interfaces_are_named_as_neutron_names_them() -> None:
    model, found, _ = in_order()
    names = {each.name for each in model.namespaces[HOME].interfaces}
    assert names == {interface(found), interface(found, "network:router_interface")}
    assert {name[:3] for name in names} == {"qr-", "qg-"}
    outside = model.namespaces[HOME].interface(interface(found))
    assert outside is not None
    assert outside.addresses == {"203.0.113.10/24", f"{FLOATING}/32"}
    assert model.namespaces[HOME].routes == {("0.0.0.0/0", "203.0.113.1")}


def test_in_order_there_is_nothing_to_do_and_no_orphan() -> None:
    model, found, _ = in_order()
    assert [step.text for step in plan(found, model.facts(), SETTINGS).steps] == []
    assert list(orphans(found, model.facts(), SETTINGS)) == []


def _lose(name: str) -> Callable[[Model], None]:
    return lambda model: getattr(model.routing, name).pop(HOME)


def _address_gone(model: Model) -> None:
    found = model.namespaces[HOME]
    bare = tuple(replace(each, addresses=frozenset()) for each in found.interfaces)
    model.namespaces[HOME] = replace(found, interfaces=bare)


def _route_gone(model: Model) -> None:
    model.namespaces[HOME] = replace(model.namespaces[HOME], routes=frozenset())


def _sysctl_gone(model: Model) -> None:
    model.namespaces[HOME] = replace(model.namespaces[HOME], sysctls={"net.ipv4.ip_forward": "0"})


def _rules_changed(model: Model) -> None:
    model.routing.rules[HOME] = replace(model.routing.rules[HOME], digest="")


def _label_gone(model: Model) -> None:
    del model.labels["router", ROUTER]


def _port_gone(model: Model) -> None:
    for name in [name for name in model.ports if name.startswith("qr-")]:
        del model.ports[name]


@pytest.mark.parametrize(
    ("harm", "wanted"),
    [
        (_lose("rules"), ["WriteRules"]),
        (_rules_changed, ["WriteRules"]),
        (_address_gone, ["SetInterface", "SetInterface", "SetRoutes"]),
        (_route_gone, ["SetRoutes"]),
        (_sysctl_gone, ["SetSysctls"]),
        (_label_gone, ["WriteLabel"]),
        (_port_gone, ["AddPort"]),
        (
            _lose("namespaces"),
            ["AddNamespace", "SetSysctls", "RemovePort", "AddPort", "SetInterface",
             "RemovePort", "AddPort", "SetInterface", "SetRoutes"],
        ),
    ],
    ids=["rules", "changed rules", "address", "route", "sysctl", "label", "port", "namespace"],
)  # fmt: skip
def test_what_is_gone_comes_back(harm: Callable[[Model], None], wanted: list[str]) -> None:
    model, found, _ = in_order()
    harm(model)
    assert steps(model, found) == wanted


def test_a_floating_ip_taken_away_is_cut_off_after_its_address_went() -> None:
    model, found, _ = in_order()
    (row,) = found.floats_of[ROUTER]
    row.port_id = row.fixed_address = None
    planned = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    assert [type(each).__name__ for each in planned] == [
        "WriteRules", "SetInterface", "CutConnections", "ForgetWithdrawn", "SetRoutes",
    ]  # fmt: skip
    assert isinstance(planned[0], WriteRules)
    assert planned[0].withdrawn == ((FLOATING, FIXED),)
    assert isinstance(planned[1], SetInterface)
    assert planned[1].addresses == {"203.0.113.10/24"}
    assert planned[2] == CutConnections(HOME, ((FLOATING, FIXED),))
    assert isinstance(planned[4], SetRoutes)


@pytest.mark.parametrize("done", range(5))
def test_a_withdrawal_that_is_interrupted_is_finished(done: int) -> None:
    model, found, _ = in_order()
    (row,) = found.floats_of[ROUTER]
    row.port_id = row.fixed_address = None
    for step in list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)[:done]:
        model.apply(step)
    while converge(model, found, SETTINGS):
        pass
    assert CutConnections(HOME, ((FLOATING, FIXED),)) in model.routing.cut
    assert model.routing.rules[HOME].withdrawn == frozenset()


def test_one_lent_again_before_it_was_cut_off_keeps_its_connections() -> None:
    model, found, _ = in_order()
    (row,) = found.floats_of[ROUTER]
    row.fixed_address = None
    model.apply(next(iter(plan(found, model.facts(), SETTINGS, [UNIT]).steps)))
    row.fixed_address = FIXED
    while converge(model, found, SETTINGS):
        pass
    assert model.routing.cut == []
    assert model.routing.rules[HOME].lent == {(FLOATING, FIXED)}


def test_a_withdrawal_of_which_only_the_note_is_left() -> None:
    model, found, _ = in_order()
    rules = model.routing.rules[HOME]
    model.routing.rules[HOME] = replace(rules, withdrawn=frozenset({(FLOATING, FIXED)}))
    assert steps(model, found) == ["ForgetWithdrawn"]


def test_an_interface_without_record_is_unplugged() -> None:
    model, found, _ = in_order()
    port = next(p for p in found.ports_of[ROUTER] if p.device_owner != OWNER_GATEWAY)
    found.ports_of[ROUTER].remove(port)
    planned = [each.text for each in plan(found, model.facts(), SETTINGS, [UNIT]).steps]
    assert planned == [f"remove port {port.interface}", f"stop serving metadata in {HOME}"]


def test_a_router_that_goes_leaves_nothing() -> None:
    model, found, router = in_order()
    router.absent = True
    assert steps(model, found) == [
        "StopMetadata", "RemovePort", "RemovePort", "RemoveNamespace", "RemoveLabel",
    ]  # fmt: skip
    for step in plan(found, model.facts(), SETTINGS, [UNIT]).steps:
        model.apply(step)
    assert not any(name.startswith(("qr-", "qg-")) for name in model.ports)
    assert HOME not in model.namespaces


def test_ipv6_subnets_are_advertised_and_not_translated() -> None:
    model, found, router = in_order()
    inner = add_network(found, 7)
    found.subnets[inner.id] = [
        Subnet(
            id=ident("six"), network_id=inner.id, project_id="project", ip_version=6,
            cidr="fd00:7::/64", gateway_ip="fd00:7::1", dns_nameservers=["fd00::53", "9.9.9.9"],
            allocation_pools=[], host_routes=[], created_at=1.0,
        )
    ]  # fmt: skip
    from tests.sample_records import add_port

    add_port(found, inner, router.id, "network:router_interface", 1)
    planned = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    assert [type(each).__name__ for each in planned][-1] == "Advertise"
    config = dict(planned[-1].files)["dnsmasq.conf"].splitlines()  # type: ignore[attr-defined]
    subnet = ident("six")
    assert "enable-ra" in config
    assert f"dhcp-range=set:subnet-{subnet},fd00:7::,static,64" in config
    assert f"dhcp-option=tag:subnet-{subnet},option6:dns-server,[fd00::53]" in config
    for step in planned:
        model.apply(step)
    assert steps(model, found) == []


def test_the_rules_of_a_router_word_by_word() -> None:
    text = nat.router("qg-1", "203.0.113.10", True, [("203.0.113.20", "10.0.0.5")])
    assert text.splitlines() == [
        "\tmap lent {",
        "\t\ttype ipv4_addr : ipv4_addr",
        "\t\telements = { 203.0.113.20 : 10.0.0.5 }",
        "\t}",
        "\tmap lenders {",
        "\t\ttype ipv4_addr : ipv4_addr",
        "\t\telements = { 10.0.0.5 : 203.0.113.20 }",
        "\t}",
        "\tchain prerouting {",
        "\t\ttype nat hook prerouting priority -100; policy accept;",
        "\t\tdnat to ip daddr map @lent",
        "\t}",
        "\tchain output {",
        "\t\ttype nat hook output priority -100; policy accept;",
        "\t\tdnat to ip daddr map @lent",
        "\t}",
        "\tchain postrouting {",
        "\t\ttype nat hook postrouting priority 100; policy accept;",
        '\t\tiifname != "qg-1" oifname != "qg-1" ct status ! dnat accept',
        "\t\tsnat to ip saddr map @lenders",
        '\t\toifname "qg-1" snat to 203.0.113.10 fully-random',
        '\t\tiifname != "qg-1" ct status dnat snat to 203.0.113.10 fully-random',
        "\t}",
    ]


def test_without_snat_only_floating_addresses_are_translated() -> None:
    text = nat.router("qg-1", "203.0.113.10", False, [])
    assert 'oifname "qg-1" snat' not in text
    assert "snat to ip saddr map @lenders" in text


def test_without_a_gateway_nothing_is_translated() -> None:
    assert "chain" not in nat.router("", "", True, [])


def test_one_that_is_switched_off_leaves_nothing_but_its_label() -> None:
    model, found, router = in_order()
    router.admin_state_up = False
    assert steps(model, found) == [
        "WriteLabel", "StopMetadata", "RemovePort", "RemovePort", "RemoveNamespace",
    ]  # fmt: skip
    while converge(model, found, SETTINGS):
        pass
    assert HOME not in model.namespaces
    assert ("router", ROUTER) in model.labels
    assert list(orphans(found, model.facts(), SETTINGS)) == []
    router.admin_state_up = True
    assert steps(model, found)[:3] == ["WriteLabel", "AddNamespace", "SetSysctls"]


def test_what_a_restarted_switch_left_behind_is_plugged_anew() -> None:
    model, found, _ = in_order()
    home = model.namespaces[HOME]
    left = tuple(replace(each, attached=False) for each in home.interfaces)
    model.namespaces[HOME] = replace(home, interfaces=left)
    assert [each for each in steps(model, found) if each != "SetRoutes"] == [
        "RemovePort", "AddPort", "SetInterface", "RemovePort", "AddPort", "SetInterface",
    ]  # fmt: skip
    while converge(model, found, SETTINGS):
        pass
    assert steps(model, found) == []
