"""An underlay of IPv6: VXLAN costs 20 bytes more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.errors import QuarterdeckError
from tests.real.tunnels.island import MTU, Sea


@pytest.fixture(scope="module")
def six() -> Iterator[Sea]:
    sea = Sea("ab", version=6)
    try:
        sea.meet()
        yield sea
    finally:
        sea.close()


def test_guests_reach_each_other_over_ipv6(six: Sea) -> None:
    network = six.network()
    assert network.mtu == MTU - 70
    one, two = (six.station(each, network, "default") for each in "ab")
    six.converge()
    with six.watched("b") as wire:
        assert one.pings(two.v4)
        assert one.pings(two.v6)
        assert "1 received" in one.asks(two.v4, network.mtu)
        assert [each.size for each in wire.tunnelled if each.to_host][-1] == MTU
        assert not [each for each in wire.packets if each.part]
    six.clear()


def test_an_address_of_another_version_is_refused(six: Sea) -> None:
    with pytest.raises(QuarterdeckError) as caught:
        six["a"].at(lambda cloud: cloud.hosts.set("host-a", tunnel_address="10.200.0.1"))
    assert caught.value.code == "host.tunnel.missing"
