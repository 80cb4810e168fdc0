"""Two projects with the same ranges, routers and floating IPs: no packet crosses.

What would cross is told by the MACs of whoever sent it or was meant, which no two ports share. It
is looked for where it would come out: at the other project's guest and inside its router.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from backends.cloud import Cloud
from backends.records.router import Router
from backends.services.network import NewSubnet
from backends.settings import router_namespace
from tests.real.firewall.station import inside
from tests.real.routing.town import GATEWAY, PORT, Town
from tests.real.stand_in import StandIn, capture

PREFIX, GATEWAY6 = "fd77:77::/64", "fd77:77::1"


@dataclass
class Side:
    """One project: its guest has the very address that the other's has."""

    cloud: Cloud
    router: Router
    guest: StandIn
    floating: str

    @property
    def macs(self) -> Sequence[str]:
        """Those of its guest and of its router's inside."""
        views = self.cloud.ports.list(network="inner")
        return [each.port.mac for each in views]

    @property
    def six(self) -> str:
        """Its guest's IPv6 address, in the range that both have."""
        return next(each for each in self.guest.addresses if ":" in each).partition("/")[0]

    @property
    def doors(self) -> Sequence[tuple[str, str]]:
        """Where what is sent inside comes out: namespace and interface."""
        inner = [each.port.interface for each in self.cloud.routers.show("gate").interfaces
                 if not each.outside]  # fmt: skip
        home = router_namespace(self.router.id)
        return [(self.guest.name, self.guest.interface), *((home, each) for each in inner)]


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
    cloud.networks.create_subnet(NewSubnet("inner", PREFIX, name="inner6", dhcp=False))
    router = town.router(cloud, "gate", "inner", "inner6")
    guest = town.guest(cloud, "inner", name)
    guest.serve(PORT)
    floating = cloud.floating_ips.create("public", port=name).address
    return Side(cloud, router, guest, floating)


@contextmanager
def _crossing(source: Side, target: Side) -> Iterator[list[str]]:
    """What of the one comes out at the other meanwhile; filled in at the end."""
    crossed: list[str] = []
    mine = " or ".join(f"ether host {mac}" for mac in source.macs)
    with ExitStack() as doors:
        seen = [doors.enter_context(capture(*door, "-e", mine)) for door in target.doors]
        yield crossed
    for each in seen:
        crossed += each


def _cry(guest: StandIn, version: int, address: str) -> None:
    """A datagram to all who are there."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with inside(guest.name), socket.socket(family, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, guest.interface.encode())
        made.sendto(b"all of you", (address, PORT))


@pytest.mark.parametrize("way", [1, -1], ids=["left to right", "right to left"])
def test_no_packet_crosses(sides: tuple[Side, Side], outside: StandIn, way: int) -> None:
    here, there = sides[::way]
    guest = here.guest
    with _crossing(here, there) as crossed, _crossing(here, here) as own:
        assert outside.reaches(here.floating, PORT) == outside.address
        assert guest.reaches(outside.address, PORT) == here.floating
        assert guest.pings(outside.address)
        assert outside.pings(here.floating)
        # The own address is the other's too; it stays where it is.
        assert guest.reaches(guest.address, PORT) == guest.address
        for address in (GATEWAY, GATEWAY6):
            assert guest.pings(address), address
        # An address that nobody has here, and those that somebody has there: asked for by ARP and
        # by neighbour solicitations, and told to all by broadcast and multicast.
        for address in ("10.77.0.77", "fd77:77::77", there.six):
            assert not guest.pings(address), address
        for version, address in ((4, "10.77.0.255"), (4, "255.255.255.255"), (6, "ff02::1")):
            _cry(guest, version, address)
    assert crossed == []
    # The same captures see what does not cross.
    for word in ("ARP", "10.77.0.255", "255.255.255.255", "ff02::1", "neighbor solicitation"):
        assert any(word in line for line in own), word


def test_each_is_reached_by_its_own_address(sides: tuple[Side, Side], outside: StandIn) -> None:
    for side, other in (sides, sides[::-1]):
        with side.guest.capture("tcp") as seen, other.guest.capture("tcp") as elsewhere:
            assert outside.reaches(side.floating, PORT) == outside.address
        assert seen
        assert elsewhere == []


def test_one_reaches_the_other_by_its_floating_address_alone(sides: tuple[Side, Side]) -> None:
    for here, there in (sides, sides[::-1]):
        with there.guest.capture("tcp") as seen:
            assert here.guest.reaches(there.floating, PORT) == here.floating
        assert all(here.floating in line for line in seen)
        assert seen
