"""A network with a router, guests and an outside, whose flows and connections are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.cloud import Cloud
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT, Town


@pytest.fixture(scope="module")
def town(daemons: None) -> Iterator[Town]:
    """A cloud with an external network."""
    town = Town()
    try:
        town.open()
        yield town
    finally:
        town.close()


@pytest.fixture(scope="module")
def street(town: Town) -> Street:
    cloud = town.cloud
    town.let_in(cloud)
    town.network(cloud, "inner")
    router = town.router(cloud, "gate", "inner")
    first, second = (town.guest(cloud, "inner", name) for name in ("first", "second"))
    street = Street(town, router, first, second, town.outsider("out", 200))
    for each in (first, second, street.outside):
        each.serve(PORT)
    return street


@pytest.fixture(scope="module")
def stranger(town: Town) -> Cloud:
    """A member of a project that has nothing."""
    return town.lab.member("strangers")
