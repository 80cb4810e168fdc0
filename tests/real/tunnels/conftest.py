"""Three hosts on a wire for all tests of tunnels; each test has networks and guests of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.tunnels.island import Sea


@pytest.fixture(scope="package")
def hosts() -> Iterator[Sea]:
    sea = Sea("abc")
    try:
        sea.meet()
        yield sea
    finally:
        sea.close()


@pytest.fixture
def sea(hosts: Sea) -> Iterator[Sea]:
    yield hosts
    hosts.clear()
