"""Where metadata is served, what it tells, and what of it comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.drivers.metadata.server import body_of
from backends.plan import metadata
from backends.plan.converge import plan
from backends.plan.guest import config_files
from backends.plan.metadata_tree import network_data, trees
from backends.plan.network import dhcp_files
from backends.plan.orphans import orphans
from backends.records.network import OWNER_DHCP, OWNER_ROUTER
from backends.records.snapshot import Records
from backends.records.tables import Network, Port
from backends.records.unit import Kind, Unit
from backends.settings import dhcp_namespace, router_namespace
from tests.machine_model import Model, converge
from tests.sample_records import SETTINGS, add_float, add_outside, add_router, ident, records

NETWORK, INSTANCE, ROUTER = ident("network", 0), ident("instance", 0), ident("router")
SERVER, ROUTED = dhcp_namespace(NETWORK), router_namespace(ROUTER)


def network(found: Records) -> Network:
    return found.networks[NETWORK]


def port(found: Records, owner: str) -> Port:
    return next(each for each in found.ports_on[NETWORK] if each.device_owner == owner)


def in_order(found: Records) -> Model:
    model = Model()
    for _ in range(4):
        if not converge(model, found, SETTINGS):
            return model
    raise AssertionError("it does not come to an end")


def routed() -> Records:
    found = records(1)
    outside = add_outside(found)
    router = add_router(found, network(found), outside=outside)
    (plug,) = found.ports_of[INSTANCE]
    add_float(found, router, plug)
    found.floats_to = {row.port_id: row for row in found.floats_of[ROUTER] if row.port_id}
    return found


def test_an_isolated_network_serves_its_own_and_dhcp_tells_the_way() -> None:
    found = records(1)
    model = in_order(found)
    assert model.routing.metadata.keys() == {SERVER}
    own = port(found, OWNER_DHCP)
    assert model.routing.metadata[SERVER].guests.keys() == {own.interface}
    interface = model.namespaces[SERVER].interface(own.interface)
    assert interface is not None
    assert {"169.254.169.254/32", "fe80::a9fe:a9fe/128"} < interface.addresses
    options = dict(dhcp_files(network(found), own, found.subnets[NETWORK], found, SETTINGS))
    (address,) = found.addresses[own.id]
    way = f"169.254.169.254/32,{address.address},0.0.0.0/0,{found.subnets[NETWORK][0].gateway_ip}"
    assert f"option:classless-static-route,{way}" in options["options"]
    assert f",249,{way}" in options["options"]


def test_behind_a_router_the_router_serves() -> None:
    found = routed()
    model = in_order(found)
    gate = port(found, OWNER_ROUTER)
    assert model.routing.metadata.keys() == {ROUTED}
    assert model.routing.metadata[ROUTED].guests.keys() == {gate.interface}
    own = port(found, OWNER_DHCP)
    options = dict(dhcp_files(network(found), own, found.subnets[NETWORK], found, SETTINGS))
    assert "169.254" not in options["options"]


def test_it_moves_to_the_router_and_back() -> None:
    found = records(1)
    model = in_order(found)
    outside = add_outside(found)
    router = add_router(found, network(found), outside=outside)
    while converge(model, found, SETTINGS):
        pass
    assert model.routing.metadata.keys() == {ROUTED}
    router.admin_state_up = False
    while converge(model, found, SETTINGS):
        pass
    # Guests still ask by the gateway that is theirs.
    assert model.routing.metadata == {}
    router.admin_state_up = True
    port(found, OWNER_ROUTER).absent = True
    while converge(model, found, SETTINGS):
        pass
    assert model.routing.metadata.keys() == {SERVER}


def test_of_two_routers_one_has_the_ipv6_address() -> None:
    found = routed()
    gate = port(found, OWNER_ROUTER)
    other = gate.model_copy(update={"id": "0" + gate.id[1:], "device_id": ident("router", 2)})
    found.ports_on[NETWORK].append(other)
    four, six = "169.254.169.254/32", "fe80::a9fe:a9fe/128"
    assert metadata.own_addresses(other, found) == [four, six]
    assert metadata.own_addresses(gate, found) == [four]


def _gone(model: Model, name: str) -> None:
    del model.routing.metadata[name]


def _killed(model: Model, name: str) -> None:
    model.routing.metadata[name] = replace(model.routing.metadata[name], pid=None, version="")


def _old(model: Model, name: str) -> None:
    model.routing.metadata[name] = replace(model.routing.metadata[name], version="older")


def _edited(model: Model, name: str) -> None:
    known = model.routing.metadata[name]
    model.routing.metadata[name] = replace(known, guests=dict.fromkeys(known.guests, "other"))


@pytest.mark.parametrize(
    ("harm", "wanted"),
    [
        (_gone, {"TellGuests", "ServeMetadata"}),
        (_killed, {"ServeMetadata"}),
        (_old, {"ServeMetadata"}),
        (_edited, {"TellGuests"}),
    ],
)
@pytest.mark.parametrize(("make", "name"), [(lambda: records(1), SERVER), (routed, ROUTED)])
def test_what_is_wrong_comes_back(
    make: Callable[[], Records], name: str, harm: Callable[[Model, str], None], wanted: set[str]
) -> None:
    found = make()
    model = in_order(found)
    harm(model, name)
    planned = plan(found, model.facts(), SETTINGS)
    assert {type(step).__name__ for step in planned.steps} == wanted
    while converge(model, found, SETTINGS):
        pass
    assert model.routing.metadata[name].guests.keys() != set()


def test_what_no_record_wants_is_an_orphan() -> None:
    found = records(1)
    model = in_order(found)
    name = dhcp_namespace(ident("nobody"))
    model.routing.metadata[name] = model.routing.metadata[SERVER]
    (orphan,) = orphans(found, model.facts(), SETTINGS)
    assert (orphan.kind, [step.text for step in orphan.steps]) == (
        "metadata", [f"stop serving metadata in {name}"],
    )  # fmt: skip


def test_a_guest_is_known_by_each_of_its_addresses_and_by_none_of_others() -> None:
    found = records(2)
    told = json.loads(metadata.guests(network(found), found))
    (plug,) = found.ports_of[INSTANCE]
    own = {each.address for each in found.addresses[plug.id]}
    mine = {address for address, id_ in told["addresses"].items() if id_ == INSTANCE}
    assert {each for each in mine if not each.startswith("fe80:")} == own
    assert len(mine) == len(own) + 1
    assert told["instances"].keys() == {INSTANCE, ident("instance", 1)}
    assert port(found, OWNER_DHCP).mac not in json.dumps(told)


def test_both_trees() -> None:
    found = routed()
    row = found.instances[INSTANCE]
    row.public_key, row.key_name, row.user_data = "ssh-ed25519 AAAA", "mine", "#!/bin/sh\n"
    both = trees(row, found, {})
    drive = dict(config_files(row))
    told = body_of(both, "/openstack/latest/meta_data.json") or ""
    assert told == drive["openstack/latest/meta_data.json"]
    assert json.loads(told)["public_keys"] == {"mine": "ssh-ed25519 AAAA"}
    assert body_of(both, "/openstack/latest/vendor_data.json") == "{}"
    assert both["openstack"]["user_data"] == both["ec2"]["user-data"] == "#!/bin/sh\n"
    ec2 = both["ec2"]
    assert body_of(both, "/latest/") == "meta-data/\nuser-data"
    assert body_of(both, "/latest/meta-data/public-keys") == "0=mine"
    assert body_of(both, "/latest/meta-data/public-keys/0/") == "openssh-key"
    assert ec2["meta-data/public-keys/0/openssh-key"] == "ssh-ed25519 AAAA"
    assert ec2["meta-data/public-ipv4"] == "203.0.113.20"
    assert ec2["meta-data/local-ipv4"] == found.addresses[found.ports_of[INSTANCE][0].id][0].address
    assert ec2["meta-data/instance-id"] == f"i-{INSTANCE[:8]}"
    listed = (body_of(both, "/latest/meta-data") or "").split("\n")
    assert {"placement/", "public-keys/", "hostname"} <= set(listed)
    assert "public-keys" not in listed
    # What there is nothing of is told as nothing, and is not missing.
    found.floats_to = {}
    assert body_of(trees(row, found, {}), "/latest/meta-data/public-ipv4") == ""


def test_network_data_has_every_port_and_how_it_gets_its_address() -> None:
    found = records(1)
    (plug,) = found.ports_of[INSTANCE]
    told = network_data([plug], found)
    (link,) = told["links"]
    assert (link["id"], link["ethernet_mac_address"]) == (plug.interface, plug.mac)
    assert [each["type"] for each in told["networks"]] == ["ipv4_dhcp"]
    found.subnets[NETWORK][0].enable_dhcp = False
    (fixed,) = network_data([plug], found)["networks"]
    assert fixed["type"] == "ipv4"
    assert fixed["ip_address"] == found.addresses[plug.id][0].address
    assert fixed["routes"][-1]["network"] == "0.0.0.0"


def test_the_unit_of_a_network_tells_and_never_prints_what_it_tells() -> None:
    found = records(1)
    found.instances[INSTANCE].user_data = "password: secret"
    planned = plan(found, Model().facts(), SETTINGS, [Unit(Kind.NETWORK, NETWORK)])
    said = [step for step in planned.steps if type(step).__name__ == "TellGuests"]
    assert len(said) == 1
    assert "secret" not in repr(said)
    assert "secret" not in said[0].text
