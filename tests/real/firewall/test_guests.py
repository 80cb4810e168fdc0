"""The same with real guests: let through and held back, lying, and started anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest

from backends.records.tables import Instance, Port
from backends.services.network import NewSubnet
from backends.services.security_group import NewRule
from tests.real.guest import Guest
from tests.real.lab import Lab, eventually, run

V6 = "fd00:16:1::/64"


@dataclass
class Ship:
    """A guest with its port."""

    instance: Instance
    guest: Guest
    port: Port
    v4: str
    v6: str

    def pings(self, address: str) -> bool:
        return self.guest.attempt(f"ping -c 1 -W 1 {address}")[0] == 0

    def fetches(self, other: Ship) -> bool:
        # Not wget: in the guest's busybox its -T ends in a segmentation fault.
        asked = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {other.v4} 80 | grep -q HTTP"
        return self.guest.attempt(asked)[0] == 0

    def number(self) -> str:
        return run("ovs-vsctl", "get", "Interface", self.port.interface, "ofport").strip()


@pytest.fixture(scope="module")
def ships(shared_lab: Lab) -> tuple[Ship, Ship]:
    cloud = shared_lab.cloud
    network = shared_lab.network(cloud, "sea")
    cloud.networks.create_subnet(NewSubnet("sea", V6, gateway="none", dhcp=False))
    instances = [shared_lab.launch(cloud, name, network.id) for name in ("one", "two")]
    found = []
    for instance in instances:
        guest = shared_lab.guest(instance)
        (view,) = cloud.ports.list(device=instance.id)
        v4, v6 = sorted((address for _, address in view.addresses), key=lambda each: ":" in each)
        guest.run("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad")
        guest.run(f"ip address add {v6}/64 dev eth0")
        found.append(Ship(instance, guest, view.port, v4, v6))
    return found[0], found[1]


@contextmanager
def seen_by(ship: Ship, folder: Path) -> Iterator[Callable[[], str]]:
    """What reaches a guest's tap, one line a frame."""
    out, err = folder / "out", folder / "err"
    argv = ["tcpdump", "-l", "-n", "-e", "--immediate-mode", "-i", ship.port.interface]
    with out.open("w") as seen, err.open("w") as said:
        process = Popen(argv, stdout=seen, stderr=said)
    try:
        eventually(lambda: "listening on" in err.read_text(), "tcpdump")
        yield out.read_text
    finally:
        process.terminate()
        process.wait(10)


def test_members_reach_each_other(ships: tuple[Ship, Ship]) -> None:
    one, two = ships
    for source, target in ((one, two), (two, one)):
        assert source.pings(target.v4)
        assert source.pings(target.v6)
        assert source.fetches(target)


def test_rules_open_and_shut(shared_lab: Lab, ships: tuple[Ship, Ship]) -> None:
    cloud, (one, two) = shared_lab.cloud, ships
    cloud.security_groups.create("harbour")
    cloud.ports.set(two.port.id, groups=["harbour"])
    for source, target in ((one, two), (two, one)):
        assert not source.pings(target.v4)
        assert not source.pings(target.v6)
        assert not source.fetches(target)
    web = cloud.security_groups.add_rule(
        NewRule("harbour", protocol="tcp", port_min=80, port_max=80)
    )
    echo = cloud.security_groups.add_rule(
        NewRule("harbour", ethertype="IPv6", protocol="ipv6-icmp")
    )
    assert one.fetches(two)
    assert one.pings(two.v6)
    assert not one.pings(two.v4)
    for rule in (web, echo):
        cloud.security_groups.remove_rule(rule.id)
    assert not one.fetches(two)
    assert not one.pings(two.v6)
    cloud.ports.set(two.port.id, groups=["default"])
    assert one.fetches(two)
    assert one.pings(two.v4)


def test_a_guest_that_lies_is_not_heard(ships: tuple[Ship, Ship], tmp_path: Path) -> None:
    one, two = ships
    with seen_by(two, tmp_path) as seen:
        one.guest.run("ip address add 172.16.1.99/24 dev eth0")
        assert one.guest.attempt(f"ping -c 2 -W 1 -I 172.16.1.99 {two.v4}")[0] != 0
        one.guest.run("ip address del 172.16.1.99/24 dev eth0")
        one.guest.attempt(f"echo offer | nc -u -p 67 -w 1 {two.v4} 68")
        one.guest.run("ip link set eth0 address fa:16:3e:66:66:66")
        assert not one.pings(two.v4)
        one.guest.run(f"ip link set eth0 address {one.port.mac}")
        eventually(lambda: one.pings(two.v4), "the truth")
        eventually(lambda: one.port.mac in seen(), "a frame of the truth")
        text = seen()
    assert "172.16.1.99" not in text
    assert "66:66:66" not in text
    assert f"{one.v4}.67 > {two.v4}.68" not in text


def test_a_guest_that_starts_anew_is_served(shared_lab: Lab, ships: tuple[Ship, Ship]) -> None:
    one, two = ships
    before = two.number()
    shared_lab.cloud.instances.stop(two.instance.id)
    assert not one.pings(two.v4)
    shared_lab.cloud.instances.start(two.instance.id)
    assert two.number() != before
    eventually(lambda: one.pings(two.v4), "the guest")
    shared_lab.assert_in_order()
