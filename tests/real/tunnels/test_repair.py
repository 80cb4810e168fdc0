"""What somebody breaks of the tunnels is shown and put back, and how long nothing passed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from backends.errors import QuarterdeckError
from tests.real.firewall.station import SHORT
from tests.real.lab import eventually
from tests.real.tunnels.island import Island, Sea


def _flows_gone(host: Island) -> None:
    host.switch.ofctl("del-flows", host.cloud.settings.tunnel_bridge)


def _bridge_gone(host: Island) -> None:
    host.switch.ctl("del-br", host.cloud.settings.tunnel_bridge)


def _patch_gone(host: Island) -> None:
    host.switch.ctl("del-port", host.cloud.settings.tunnel_patch[0])


def _tunnel_gone(host: Island) -> None:
    host.switch.ctl("del-port", next(iter(host.tunnels)))


@pytest.mark.parametrize(
    "break_it",
    [_flows_gone, _bridge_gone, _patch_gone, _tunnel_gone],
    ids=lambda each: each.__name__.strip("_"),
)
def test_it_is_shown_and_put_back(sea: Sea, break_it: Callable[[Island], None]) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.converge()
    host = sea["a"]
    assert one.pings(two.v4)
    assert host.planned() == []
    began = time.monotonic()
    break_it(host)
    # The switch may let what it knows pass until it looked at its flows again.
    eventually(lambda: not one.pings(two.v4, wait=SHORT), "the break")
    assert host.planned() != []
    host.converge()
    assert one.pings(two.v4)
    print(f"{break_it.__name__.strip('_')}: nothing passed for {time.monotonic() - began:.2f} s")
    assert host.planned() == []


def test_the_switch_is_killed_and_every_flow_comes_back(sea: Sea) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.converge()
    host = sea["b"]
    began = time.monotonic()
    host.switch.kill()
    host.switch.start()
    # Interfaces went with the process: the host's own has to get its address again, as the
    # machine's network configuration would see to, and the guest is plugged anew.
    host.dress()
    assert host.planned() != []
    host.converge()
    host.at(lambda cloud: two.unplug())
    host.at(lambda cloud: two.plug())
    host.converge()
    eventually(lambda: one.pings(two.v4), "the way back")
    print(f"switch killed: nothing passed for {time.monotonic() - began:.2f} s")
    assert host.planned() == []


def test_a_host_that_leaves_takes_its_tunnel_along(sea: Sea) -> None:
    network = sea.network()
    one, two, three = (sea.station(each, network, "default") for each in "abc")
    sea.converge()
    assert sorted(sea["a"].tunnels.values()) == [sea["b"].address, sea["c"].address]
    assert three.pings(one.v4)
    with pytest.raises(QuarterdeckError) as caught:
        sea["a"].at(lambda cloud: cloud.hosts.delete("host-c"))
    assert caught.value.code == "host.in_use"
    sea["c"].at(lambda cloud: cloud.hosts.set("host-c", tunnel_address=""))
    sea.converge()
    assert sorted(sea["a"].tunnels.values()) == [sea["b"].address]
    assert not one.pings(three.v4, wait=SHORT)
    assert one.pings(two.v4)
    assert "br-tun" not in sea["c"].switch.ctl("list-br")
    assert [each.planned() for each in sea.islands.values()] == [[], [], []]
    address = sea["c"].address
    sea["c"].at(lambda cloud: cloud.hosts.set("host-c", tunnel_address=address))
    sea.converge()
    assert one.pings(three.v4)


def test_a_network_leaves_a_host_with_its_last_port(sea: Sea) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.converge()
    assert one.pings(two.v4)
    sea["b"].at(lambda cloud: two.unplug())
    sea["b"].at(lambda cloud: cloud.ports.delete(two.port.id))
    sea.stations.remove(two)
    sea.converge()
    assert sea["a"].tunnels == {}
    assert [each.planned() for each in sea.islands.values()] == [[], [], []]
