"""Tempest's `test_network_basic_ops`, from its docstrings: what a server's network does for it.

This host is Tempest's: it reaches servers by their floating addresses alone. Not here: the
rescheduling of a router among L3 agents, of which Quarterdeck has none (a router is on its host;
`test_it_forwards_nothing_while_its_router_is_off` takes it off and puts it back there).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.records.tables import Port
from backends.services.network import NewSubnet
from backends.settings import router_namespace
from tests.real.lab import eventually, run
from tests.real.routing.town import Town
from tests.real.scenarios.tenant import Server, Tenant, answers, icmp, reached, ssh
from tests.real.stand_in import StandIn

NAME = "beacon.example"
FORGED = "02:00:00:00:00:01"


@pytest.fixture(scope="module")
def beacon(town: Town) -> StandIn:
    """A machine outside that knows names, its own among them."""
    found = town.outsider("beacon", 203)
    found.keep_running(
        "dnsmasq", "--keep-in-foreground", "--no-hosts", "--no-resolv", "--conf-file=/dev/null",
        "--pid-file", "--local=/example/", f"--host-record={NAME},{found.address}",
    )  # fmt: skip
    eventually(lambda: ":53" in found.run("ss", "-lnu"), "the name server")
    return found


@pytest.fixture(scope="module")
def tenant(town: Town, beacon: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A project with a network, a router, and a group that lets ping and logins in."""
    found = Tenant(town, "harbour", tmp_path_factory.mktemp("keys"))
    found.network("quay", "10.77.20.0/24", dns=beacon.address)
    found.router("gate", "quay")
    found.group("open", icmp("open"), ssh("open"))
    return found


@pytest.fixture(scope="module")
def one(tenant: Tenant) -> Server:
    server = tenant.boot("one", "quay", groups=["open"])
    tenant.lend(server)
    return server


@pytest.fixture(scope="module")
def two(tenant: Tenant) -> Server:
    """On a port that its owner made."""
    port = tenant.cloud.ports.create("quay", "berth", groups=["open"])
    return tenant.boot("two", port=port.id)


@pytest.fixture(scope="module")
def side(tenant: Tenant, one: Server) -> Port:
    """A second network, plugged into the running server."""
    tenant.cloud.networks.create("side")
    tenant.cloud.networks.create_subnet(NewSubnet("side", "10.77.21.0/24", gateway="none"))
    return tenant.cloud.plugging.add_network("one", "side")


def test_what_was_made_is_listed(tenant: Tenant, one: Server) -> None:
    cloud = tenant.cloud
    assert "quay" in [row.name for row in cloud.networks.list()]
    assert "10.77.20.0/24" in [row.cidr for row in cloud.networks.subnets()]
    assert "gate" in [row.name for row in cloud.routers.list()]
    assert one.address in cloud.instances.row("one").addresses


def test_a_server_is_reached_and_reaches_in_and_out(
    town: Town, tenant: Tenant, one: Server, two: Server
) -> None:
    assert reached(one.floating)
    assert one.run("hostname") == "one"
    for address in (*tenant.own_addresses("quay"), two.address, f"{town.outer}.1"):
        assert one.reaches(address), address
    assert f"{town.outer}.203" in one.run(f"nslookup {NAME}")
    assert one.reaches(NAME)


def test_a_floating_address_moves_to_another_server(
    tenant: Tenant, one: Server, two: Server
) -> None:
    floats = tenant.cloud.floating_ips
    row = floats.show(one.floating)
    assert row.port_id == one.port.id
    assert floats.unset(row.id).port_id is None
    assert not answers(one.floating)
    assert floats.lend_to_instance(row.id, "two").port_id == two.port.id
    assert reached(row.address)
    # The key tells who it is that answers now.
    assert two.key.attempt(row.address, "hostname").stdout.strip() == "two"
    assert not one.key.opens(row.address)
    floats.set(row.id, port=one.port.id)
    assert one.run("hostname") == "one"


def test_servers_of_two_networks_meet_once_a_router_joins_them(
    town: Town, tenant: Tenant, one: Server
) -> None:
    tenant.network("far", "10.77.22.0/24")
    there = town.guest(tenant.cloud, "far", "far", "10.77.22.1")
    tenant.cloud.ports.set("far", groups=["open"])
    for address in ("10.77.22.1", there.address):
        assert not one.pings(address), address
    tenant.cloud.routers.add_subnet("gate", "far")
    for address in ("10.77.22.1", there.address):
        assert one.reaches(address), address


def test_a_network_is_plugged_into_a_running_server(
    tenant: Tenant, one: Server, side: Port
) -> None:
    views = tenant.cloud.ports.list(device=one.instance.id)
    assert {each.port.id for each in views} == {one.port.id, side.id}
    held = tenant.cloud.ports.show(side.id).addresses[0][1]
    find = f"ip -o -4 address show | grep -F ' {held}/'"
    eventually(lambda: one.key.attempt(one.floating, find).returncode == 0, "its new address")
    nic = _nic(one, side)
    assert nic != _nic(one, one.port)
    for address in tenant.own_addresses("side"):
        assert one.reaches(f"-I {nic} {address}"), address
    assert one.run("hostname") == "one", "its old network serves it as before"


def test_a_forged_mac_is_let_through_without_port_security_alone(
    town: Town, tenant: Tenant, one: Server, side: Port
) -> None:
    peer = town.guest(tenant.cloud, "side", "peer", "")
    tenant.cloud.ports.set("peer", groups=["open"])
    nic = _nic(one, side)
    there = f"-I {nic} {peer.address}"
    assert one.reaches(there)
    one.run(f"ip link set {nic} address {FORGED}")
    assert not one.pings(there)
    tenant.cloud.ports.set(side.id, groups=[], port_security=False)
    assert one.reaches(there)


def test_it_forwards_nothing_while_its_router_is_off(tenant: Tenant, one: Server) -> None:
    routers = tenant.cloud.routers
    router = routers.show("gate").router
    assert reached(one.floating)
    routers.set("gate", admin_state_up=False)
    assert not answers(one.floating)
    assert router_namespace(router.id) not in run("ip", "netns", "list")
    assert not tenant.town.cloud.drift.show()
    routers.set("gate", admin_state_up=True)
    assert reached(one.floating)
    assert one.run("hostname") == "one"


def test_nothing_passes_a_port_that_is_down(tenant: Tenant, one: Server, two: Server) -> None:
    ports = tenant.cloud.ports
    assert one.reaches(two.address)
    ports.set(two.port.id, admin_state_up=False)
    assert not one.pings(two.address)
    ports.set(two.port.id, admin_state_up=True)
    assert one.reaches(two.address)


@pytest.fixture
def other_name_server(tenant: Tenant, beacon: StandIn) -> Iterator[str]:
    tenant.cloud.networks.set_subnet("quay", dns=["198.18.255.53"])
    yield "198.18.255.53"
    tenant.cloud.networks.set_subnet("quay", dns=[beacon.address])


def test_a_renewed_lease_brings_the_subnets_new_name_server(
    beacon: StandIn, one: Server, request: pytest.FixtureRequest
) -> None:
    asked = "grep nameserver /run/lab/nic.eth0/resolv"
    assert one.run(asked) == f"nameserver {beacon.address}"
    other = request.getfixturevalue("other_name_server")
    renew = "kill -USR1 $(cat /run/lab/nic.eth0/udhcpc)"
    one.run(renew)
    eventually(lambda: one.run(asked) == f"nameserver {other}", "the renewed lease")


def test_a_port_of_its_owner_outlives_its_server(tenant: Tenant, one: Server, two: Server) -> None:
    cloud = tenant.cloud
    assert [each.port.name for each in cloud.ports.list(device=two.instance.id)] == ["berth"]
    cloud.instances.delete("two")
    port = cloud.ports.show("berth").port
    assert (port.device_id, port.device_owner) == ("", "")
    again = tenant.boot("three", port=port.id)
    assert again.address == two.address
    assert one.reaches(again.address)


def _nic(server: Server, port: Port) -> str:
    """The name that the guest has for a port."""
    return server.run(f"grep -l {port.mac} /sys/class/net/*/address").split("/")[4]
