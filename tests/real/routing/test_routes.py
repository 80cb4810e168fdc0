"""Routes beside the default one, several networks on a router, and IPv6."""

from __future__ import annotations

import pytest

from backends.services.network import NewSubnet
from backends.settings import router_namespace
from tests.real.lab import eventually, run
from tests.real.routing.town import PORT, Town
from tests.real.stand_in import StandIn

FAR, PREFIX, OTHER_PREFIX = "10.78.0.0/24", "fd77:1::/64", "fd77:2::/64"


@pytest.fixture(scope="module", autouse=True)
def rules(town: Town) -> None:
    town.let_in(town.cloud)


@pytest.fixture(scope="module")
def near(town: Town) -> StandIn:
    town.network(town.cloud, "near")
    town.router(town.cloud, "gate", "near")
    found = town.guest(town.cloud, "near", "near")
    found.serve(PORT)
    return found


@pytest.fixture(scope="module")
def far(town: Town) -> StandIn:
    town.network(town.cloud, "far", FAR)
    return town.guest(town.cloud, "far", "far", "10.78.0.1")


def test_guests_of_two_networks_meet_at_their_router(
    town: Town, near: StandIn, far: StandIn
) -> None:
    routers = town.cloud.routers
    routers.add_subnet("gate", "far")
    assert far.reaches(near.address, PORT) == far.address, "nothing is translated inside"
    routers.remove_subnet("gate", "far")
    assert not far.reaches(near.address, PORT, timeout=1.0)


def test_a_static_route_leads_by_another_router(town: Town, near: StandIn, far: StandIn) -> None:
    cloud = town.cloud
    town.network(cloud, "between", "10.79.0.0/24", gateway="none")
    other = town.router(cloud, "other", "far", external=None)
    for router in ("gate", "other"):
        cloud.ports.create("between", f"{router}-between")
        cloud.routers.add_port(router, f"{router}-between")
    hop = {name: cloud.ports.show(f"{name}-between").addresses[0][1] for name in ("gate", "other")}
    assert not far.reaches(near.address, PORT, timeout=1.0)
    cloud.routers.set("gate", routes=[(FAR, hop["other"])])
    cloud.routers.set("other", routes=[("10.77.0.0/24", hop["gate"])])
    # Its gateway's address has another MAC now, which it learns by itself.
    eventually(lambda: far.reaches(near.address, PORT) == far.address, "the way round")
    cloud.routers.set("other", routes=[])
    assert "10.77.0.0/24" not in run("ip", "-n", router_namespace(other.id), "route")
    assert not far.reaches(near.address, PORT, timeout=1.0)


@pytest.fixture
def six(town: Town) -> tuple[StandIn, StandIn]:
    """A guest on each of two IPv6 networks of one router, without an address as yet."""
    cloud = town.cloud
    guests = []
    town.router(cloud, "six")
    for name, prefix in (("six-a", PREFIX), ("six-b", OTHER_PREFIX)):
        cloud.networks.create(name)
        cloud.networks.create_subnet(NewSubnet(name, prefix, name=name, dhcp=False))
        guest = town.guest(cloud, name, name, gateway="")
        guest.ip("-6", "address", "delete", guest.addresses[0], "dev", guest.interface)
        guest.run("sysctl", "-q", "-w", f"net.ipv6.conf.{guest.interface}.accept_ra=1")
        guests.append(guest)
        cloud.routers.add_subnet("six", name)
    return guests[0], guests[1]


def test_ipv6_is_advertised_and_forwarded_untranslated(six: tuple[StandIn, StandIn]) -> None:
    first, second = six
    for each in six:
        eventually(lambda each=each: "default" in each.ip("-6", "route"), "a router advertisement")
        shown = each.ip("-6", "address", "show", "dev", each.interface)
        assert each.addresses[0] in shown, "the address it made itself is the recorded one"
    second.serve(PORT, version=6)
    assert first.reaches(second.address, PORT) == first.address


def test_a_stateful_prefix_says_that_addresses_are_asked_for(town: Town) -> None:
    cloud = town.cloud
    cloud.networks.create("asked")
    subnet = NewSubnet("asked", "fd77:3::/64", name="asked", dns=("fd77:3::53",))
    cloud.networks.create_subnet(subnet)
    guest = town.guest(cloud, "asked", "asked", gateway="")
    town.router(cloud, "asked", "asked")
    with guest.capture("-v", "icmp6", "and", "ip6[40]", "==", "134") as seen:
        eventually(lambda: "default" in guest.ip("-6", "route"), "a router advertisement")
    said = "\n".join(seen)
    assert "Flags [managed, other stateful]" in said
    assert "fd77:3::53" in said
    assert "Flags [onlink]" in said, "no address is made of a prefix that is served by DHCP"
