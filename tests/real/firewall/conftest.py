"""One cloud for all tests of the firewall; each test has a network and stations of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import count

import pytest

from backends.cloud import Cloud
from backends.records.unit import Kind, Unit
from backends.services.network import NewSubnet
from tests.real.firewall.station import Station, namespace_name
from tests.real.lab import Lab

_NUMBERS = count(1)


class Site:
    """A network of one test, and what is plugged into it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.number = next(_NUMBERS)
        self.network = f"n{secrets.token_hex(3)}"
        self.stations: list[Station] = []
        self.groups: list[str] = []
        self.row = cloud.networks.create(self.network)
        for cidr in (f"10.77.{self.number}.0/24", f"fd77:{self.number}::/64"):
            cloud.networks.create_subnet(NewSubnet(self.network, cidr, gateway="none", dhcp=False))

    def group(self, *, egress: bool = True) -> str:
        """A new group: everything out (or nothing), nothing in."""
        groups = self.cloud.security_groups
        name = f"g{secrets.token_hex(3)}"
        groups.create(name)
        self.groups.append(name)
        if not egress:
            for rule in groups.rules(name):
                groups.remove_rule(rule.id)
        return name

    def record(self, *groups: str) -> Station:
        """A station whose port is recorded and not plugged."""
        port = self.cloud.ports.create(self.network, groups=groups or None)
        addresses = [address for _, address in self.cloud.ports.show(port.id).addresses]
        v4 = next(each for each in addresses if "." in each)
        v6 = next(each for each in addresses if ":" in each)
        station = Station(self.cloud, port, v4, v6, namespace_name())
        self.stations.append(station)
        return station

    def station(self, *groups: str) -> Station:
        """A station that is plugged, its flows written."""
        station = self.record(*groups)
        station.plug()
        self.converge()
        return station

    def converge(self) -> None:
        unit = Unit(Kind.FIREWALL, self.cloud.settings.host)
        self.cloud.context.converge("test", [unit])

    def close(self) -> None:
        for station in self.stations:
            station.unplug()
            self.cloud.ports.delete(station.port.id)
        self.cloud.networks.delete(self.network)
        # The last ones may let in the first.
        for group in reversed(self.groups):
            self.cloud.security_groups.delete(group)


@pytest.fixture(scope="session")
def firewall_cloud(daemons: None) -> Iterator[Cloud]:
    lab = Lab()
    lab.start()
    yield lab.cloud
    lab.close()


@pytest.fixture
def site(firewall_cloud: Cloud) -> Iterator[Site]:
    made = Site(firewall_cloud)
    yield made
    made.close()
