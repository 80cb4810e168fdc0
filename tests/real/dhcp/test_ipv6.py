"""IPv6 as Neutron's modes have it, with the kernel's autoconfiguration and a real DHCPv6 client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.plan.subnet_modes import SLAAC, STATEFUL, STATELESS
from backends.services.dhcp_option import DhcpOption
from backends.services.network import NewSubnet
from tests.real.dhcp.ward import Client, Ward
from tests.real.lab import eventually

DNS, OTHER_DNS = "fd79:53::53", "fd79:54::54"
PREFIXES = {STATEFUL: "fd79:1", STATELESS: "fd79:2", SLAAC: "fd79:3"}


@pytest.fixture(scope="module")
def ward(daemons: None) -> Iterator[Ward]:
    made = Ward()
    try:
        cloud = made.cloud
        cloud.routers.create("gate")
        for mode, prefix in PREFIXES.items():
            cloud.networks.create(mode, dns_domain="cloud.example")
            new = NewSubnet(mode, f"{prefix}::/64", name=mode, dns=(DNS,), ra_mode=mode,
                            address_mode=mode)  # fmt: skip
            cloud.networks.create_subnet(new)
            cloud.routers.add_subnet("gate", mode)
        yield made
    finally:
        made.close()


def _client(ward: Ward, mode: str, *options: DhcpOption) -> Client:
    port = ward.cloud.ports.create(mode, f"on-{mode}", dns_name="me", options=options)
    client = ward.client(port)
    client.bounce()
    return client


def _reaches_its_gateway(client: Client, mode: str) -> None:
    gateway = f"{PREFIXES[mode]}::1"
    eventually(lambda: client.body.pings(gateway), f"a way to {gateway}")
    # The port's address is known to what filters it; another one passes nothing.
    other = f"{PREFIXES[mode]}::bad"
    client.body.ip("address", "add", f"{other}/64", "dev", client.body.interface, "nodad")
    assert client.body.run("ping", "-6", "-c", "1", "-W", "1", "-I", other, gateway,
                           check=False).count(" 0 received")  # fmt: skip


def test_stateful_dhcp_leases_the_recorded_address(ward: Ward) -> None:
    client = _client(ward, STATEFUL)
    told = client.asks6()
    assert told["new_ip6_address"] == client.addresses[6]
    assert told["new_dhcp6_name_servers"] == DNS
    assert told["new_dhcp6_domain_search"].startswith("cloud.example")
    # Nobody made an address of what was advertised.
    assert client.own() == set()
    address = f"{client.addresses[6]}/64"
    client.body.ip("address", "add", address, "dev", client.body.interface, "nodad")
    _reaches_its_gateway(client, STATEFUL)


def test_stateless_dhcp_tells_the_rest_of_who_made_its_own_address(ward: Ward) -> None:
    client = _client(ward, STATELESS, DhcpOption("dns-server", OTHER_DNS, 6))
    eventually(lambda: client.own() == {client.addresses[6]}, "its own address")
    told = client.asks6("-S")
    # The port's own option has the last word.
    assert told["new_dhcp6_name_servers"] == OTHER_DNS
    assert told["new_dhcp6_domain_search"].startswith("cloud.example")
    assert "new_ip6_address" not in told
    _reaches_its_gateway(client, STATELESS)


def test_with_slaac_the_router_tells_all(ward: Ward) -> None:
    client = _client(ward, SLAAC)
    eventually(lambda: client.own() == {client.addresses[6]}, "its own address")
    _reaches_its_gateway(client, SLAAC)
    way = client.body.ip("-6", "route", "show", "default")
    assert "proto ra" in way


def test_all_is_in_order(ward: Ward) -> None:
    steps = ward.cloud.drift.show().plan.steps
    # The stand-ins' interfaces are nobody's but the tests'.
    assert [step.text for step in steps if "serve" in step.text or "advertise" in step.text] == []
