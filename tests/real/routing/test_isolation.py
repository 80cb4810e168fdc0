"""Two projects with the same ranges, routers and floating IPs: no packet crosses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backends.cloud import Cloud
from backends.records.router import Router
from tests.real.routing.town import PORT, Town
from tests.real.stand_in import StandIn


@dataclass
class Side:
    """One project: its guest has the very address that the other's has."""

    cloud: Cloud
    router: Router
    guest: StandIn
    floating: str


@pytest.fixture(scope="module")
def outside(town: Town) -> StandIn:
    found = town.outsider("both", 201)
    found.serve(PORT)
    return found


@pytest.fixture(scope="module")
def sides(town: Town) -> tuple[Side, Side]:
    first, second = (_side(town, name) for name in ("left", "right"))
    assert first.guest.address == second.guest.address
    return first, second


def _side(town: Town, name: str) -> Side:
    cloud = town.lab.member(name)
    town.let_in(cloud)
    town.network(cloud, "inner")
    router = town.router(cloud, "gate", "inner")
    guest = town.guest(cloud, "inner", name)
    guest.serve(PORT)
    floating = cloud.floating_ips.create("public", port=name).address
    return Side(cloud, router, guest, floating)


def test_no_packet_crosses(sides: tuple[Side, Side], outside: StandIn) -> None:
    left, right = sides
    with right.guest.capture() as seen:
        assert outside.reaches(left.floating, PORT) == outside.address
        assert left.guest.reaches(outside.address, PORT) == left.floating
        assert left.guest.pings(outside.address)
        assert outside.pings(left.floating)
        # The own address is the other's too; it stays where it is.
        assert left.guest.reaches(left.guest.address, PORT) == left.guest.address
        # An address that nobody has here, and somebody might have there.
        assert not left.guest.pings("10.77.0.77")
    crossed = [line for line in seen if not _neighbour_discovery(line)]
    assert crossed == []


def test_each_is_reached_by_its_own_address(sides: tuple[Side, Side], outside: StandIn) -> None:
    for side, other in (sides, sides[::-1]):
        with side.guest.capture("tcp") as seen, other.guest.capture("tcp") as elsewhere:
            assert outside.reaches(side.floating, PORT) == outside.address
        assert seen
        assert elsewhere == []


def test_one_reaches_the_other_by_its_floating_address_alone(sides: tuple[Side, Side]) -> None:
    left, right = sides
    with right.guest.capture("tcp") as seen:
        assert left.guest.reaches(right.floating, PORT) == left.floating
    assert all(left.floating in line for line in seen)
    assert seen


def _neighbour_discovery(line: str) -> bool:
    """What the guest's own kernel and router say on their own."""
    return "ARP" in line or "ICMP6" in line or "IP6" in line
