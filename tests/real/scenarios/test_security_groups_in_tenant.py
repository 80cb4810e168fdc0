"""Tempest's `test_security_groups_basic_ops`, from its docstrings: within one project.

The access point is a server that is logged in to by a floating IP; what it reaches from there is
what the groups let through. It is in two groups: `access` lets logins in, `general` nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backends.services.network import NewSubnet
from backends.services.security_group import NewRule
from tests.real.routing.town import Town
from tests.real.scenarios.tenant import Server, Tenant, answers, icmp, reached, ssh

CIDR = "10.77.30.0/24"


@pytest.fixture(scope="module")
def tenant(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    found = Tenant(town, "primary", tmp_path_factory.mktemp("keys"))
    found.network("home", CIDR)
    found.router("gate", "home")
    found.group("access", ssh("access"))
    found.group("general")
    return found


@pytest.fixture(scope="module")
def access(tenant: Tenant) -> Server:
    server = tenant.boot("access", "home", groups=["access", "general"])
    tenant.lend(server)
    return server


@pytest.fixture(scope="module")
def server(tenant: Tenant) -> Server:
    return tenant.boot("server", "home", groups=["general"])


@contextmanager
def allowed(tenant: Tenant, rule: NewRule) -> Iterator[None]:
    """While the rule is there."""
    groups = tenant.cloud.security_groups
    row = groups.add_rule(rule)
    yield
    groups.remove_rule(row.id)


def test_what_was_made_is_listed(tenant: Tenant) -> None:
    cloud = tenant.cloud
    (subnet,) = cloud.networks.subnets()
    assert (subnet.name, subnet.cidr) == ("home", CIDR)
    assert [row.name for row in cloud.networks.list() if not row.external] == ["home"]
    (inner,) = [each for each in cloud.routers.show("gate").interfaces if not each.outside]
    assert [id_ for id_, _ in inner.addresses] == [subnet.id]


def test_a_server_has_the_mac_and_address_of_its_port(tenant: Tenant, access: Server) -> None:
    (view,) = tenant.cloud.ports.list(device=access.instance.id)
    assert access.run("cat /sys/class/net/eth0/address") == view.port.mac
    held = [address for _, address in view.addresses]
    assert access.run("ip -o -4 address show eth0").split()[3].split("/")[0] in held
    assert view.groups == ("access", "general")


def test_servers_meet_once_a_rule_lets_members_in(
    tenant: Tenant, access: Server, server: Server
) -> None:
    assert not access.pings(server.address)
    with allowed(tenant, icmp("general", remote_group="general")):
        assert access.reaches(server.address)
        assert not answers(access.floating), "this host is no member"
    assert not access.pings(server.address)


def test_the_rules_of_all_groups_count(tenant: Tenant, access: Server) -> None:
    assert access.run("hostname") == "access"
    assert not answers(access.floating)
    with allowed(tenant, icmp("general")):
        assert reached(access.floating)
        assert access.run("hostname") == "access"
    assert not answers(access.floating)


def test_a_port_takes_another_group(tenant: Tenant, access: Server, server: Server) -> None:
    tenant.group("new", icmp("new"))
    assert not access.pings(server.address)
    tenant.cloud.ports.set(server.port.id, groups=["new"])
    assert access.reaches(server.address)
    tenant.cloud.ports.set(server.port.id, groups=["general"])
    assert not access.pings(server.address)


def test_without_port_security_no_group_counts(
    tenant: Tenant, access: Server, server: Server
) -> None:
    ports = tenant.cloud.ports
    ports.set(server.port.id, groups=[])
    assert not access.pings(server.address), "in no group nothing is let in"
    ports.set(server.port.id, port_security=False)
    assert access.reaches(server.address)
    ports.set(server.port.id, port_security=True, groups=["general"])
    assert not access.pings(server.address)


@pytest.mark.long
def test_a_server_on_a_network_without_port_security_has_no_group(
    tenant: Tenant, access: Server, server: Server
) -> None:
    cloud = tenant.cloud
    cloud.instances.delete("server")
    cloud.networks.create("free", port_security=False)
    cloud.networks.create_subnet(NewSubnet("free", "10.77.31.0/24", name="free"))
    cloud.routers.add_subnet("gate", "free")
    free = tenant.boot("free", "free")
    (view,) = cloud.ports.list(device=free.instance.id)
    assert (view.port.port_security, view.groups) == (False, ())
    assert access.reaches(free.address)
