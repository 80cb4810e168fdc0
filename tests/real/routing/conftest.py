"""What the tests of routing stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from backends.records.router import Router
from tests.real.routing.town import Town
from tests.real.stand_in import StandIn


@pytest.fixture(scope="module")
def town(daemons: None) -> Iterator[Town]:
    """A cloud with an external network."""
    town = Town()
    try:
        town.open()
        yield town
    finally:
        town.close()


@dataclass
class Street:
    """A network with a router that leads out, two guests on it, and a machine outside."""

    town: Town
    router: Router
    first: StandIn
    second: StandIn
    outside: StandIn


@pytest.fixture(scope="module")
def street(town: Town) -> Street:
    cloud = town.cloud
    town.let_in(cloud)
    town.network(cloud, "inner")
    router = town.router(cloud, "gate", "inner")
    first, second = (town.guest(cloud, "inner", name) for name in ("first", "second"))
    return Street(town, router, first, second, town.outsider("out", 200))
