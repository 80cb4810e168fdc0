"""Out under the router's address, in and out under a floating one; and what ends when it goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.records.router import FloatingIp
from tests.real.lab import eventually
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT


@pytest.fixture(scope="module", autouse=True)
def servers(street: Street) -> None:
    for each in (street.first, street.second, street.outside):
        each.serve(PORT)


@pytest.fixture
def floating(street: Street) -> Iterator[FloatingIp]:
    """A floating IP that the first guest has."""
    floats = street.town.cloud.floating_ips
    row = floats.create("public", port="first")
    yield row
    floats.delete(row.address)


def test_two_guests_share_the_gateways_address(street: Street) -> None:
    outside, gateway = street.outside, street.town.gateway_of(street.router)
    talks = [each.connect(outside.address, PORT) for each in (street.first, street.second)]
    try:
        assert [each.first for each in talks] == [f"from {gateway}"] * 2
        assert [each.says(word) for each, word in zip(talks, "ab", strict=True)] == ["a", "b"]
    finally:
        for each in talks:
            each.close()
    assert street.first.pings(outside.address)
    assert street.second.pings(outside.address)


def test_without_snat_a_guest_goes_out_as_itself(street: Street) -> None:
    routers = street.town.cloud.routers
    routers.set_gateway("gate", snat=False)
    try:
        with street.outside.capture("icmp", "and", "dst", street.outside.address) as seen:
            assert not street.first.pings(street.outside.address)
        assert any(f"{street.first.address} > {street.outside.address}" in line for line in seen)
    finally:
        routers.set_gateway("gate", snat=True)
    assert street.first.pings(street.outside.address)


def test_a_floating_address_leads_in_and_out(street: Street, floating: FloatingIp) -> None:
    outside = street.outside
    assert outside.reaches(floating.address, PORT) == outside.address
    assert outside.pings(floating.address)
    assert street.first.reaches(outside.address, PORT) == floating.address
    assert street.second.reaches(outside.address, PORT) == street.town.gateway_of(street.router)


def test_a_floating_address_that_moves_takes_its_connections_away(
    street: Street, floating: FloatingIp
) -> None:
    town, outside = street.town, street.outside
    talk = outside.connect(floating.address, PORT)
    assert talk.says("before") == "before"
    town.cloud.floating_ips.set(floating.address, port="second")
    assert town.connections(street.router, "--orig-dst", floating.address) == []
    assert talk.says("after") == "broken"
    talk.close()
    with street.second.capture("tcp", "port", str(PORT)) as seen:
        assert outside.reaches(floating.address, PORT) == outside.address
    assert any(f"> {street.second.address}.{PORT}" in line for line in seen)
    assert street.second.reaches(outside.address, PORT) == floating.address
    assert street.first.reaches(outside.address, PORT) == town.gateway_of(street.router)


def test_a_floating_address_taken_away_cuts_its_connections(
    street: Street, floating: FloatingIp
) -> None:
    town, outside = street.town, street.outside
    inward = outside.connect(floating.address, PORT)
    outward = street.first.connect(outside.address, PORT)
    assert inward.says("in") == "in"
    assert outward.says("out") == "out"
    other = street.second.connect(outside.address, PORT)
    town.cloud.floating_ips.unset(floating.address)
    assert not [line for line in town.connections(street.router) if floating.address in line]
    assert inward.says("in") == "broken"
    assert outward.says("out") == "broken"
    assert other.says("still") == "still", "a connection that has nothing to do with it was cut"
    for each in (inward, outward, other):
        each.close()
    assert not outside.pings(floating.address)


def test_a_guest_reaches_its_neighbour_by_the_floating_address(
    street: Street, floating: FloatingIp
) -> None:
    gateway = street.town.gateway_of(street.router)
    assert street.second.reaches(floating.address, PORT) == gateway
    assert street.second.pings(floating.address)
    assert street.first.reaches(floating.address, PORT) in (gateway, floating.address)


def test_guests_on_one_network_talk_past_the_router(street: Street) -> None:
    assert street.first.reaches(street.second.address, PORT) == street.first.address


def test_a_floating_address_goes_with_the_port_it_was_lent_to(street: Street) -> None:
    cloud = street.town.cloud
    port = cloud.ports.create("inner", "short-lived")
    row = cloud.floating_ips.create("public", port=port.id)
    cloud.ports.delete(port.id)
    found = cloud.floating_ips.show(row.id)
    assert (found.port_id, found.fixed_address, found.router_id) == (None, None, None)
    cloud.floating_ips.delete(row.id)
    eventually(lambda: not cloud.drift.show().plan, "order")
