"""Rules that name address groups, with real packets: who is in, who comes and who goes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from backends.services.security_group import NewRule
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import LONG, SHORT, Flood, Station
from tests.real.firewall.test_rules import allow, silent


@pytest.fixture
def offices(site: Site) -> Iterator[str]:
    """An address group that is empty. Its rules go with the site, which is closed before it."""
    name = f"a{site.network}"
    site.cloud.address_groups.create(name)
    yield name
    groups = site.cloud.security_groups
    for rule in groups.rules():
        if rule.remote_address_group_id == site.cloud.address_groups.show(name).id:
            groups.remove_rule(rule.id)
    site.cloud.address_groups.delete(name)


def host(station: Station, version: int) -> str:
    return str(ip_network(station.address(version)))


def test_an_address_joins_and_leaves(site: Site, offices: str) -> None:
    groups = site.cloud.address_groups
    server = site.station(allow(site, site.group(), remote_address_group=offices))
    friend, stranger = site.station(site.group()), site.station(site.group())
    for version in (4, 6):
        assert not friend.pings(server.address(version), wait=SHORT)
        groups.set(offices, add=[host(friend, version)])
        assert friend.pings(server.address(version))
        assert friend.sends(server, version, 5000)
        assert not stranger.pings(server.address(version), wait=SHORT)
        groups.set(offices, remove=[host(friend, version)])
        assert not friend.pings(server.address(version), wait=SHORT)
        assert not friend.sends(server, version, 5000, wait=SHORT)


def test_only_the_withdrawn_address_loses_its_connection(site: Site, offices: str) -> None:
    """The server may open nothing itself: only the rule about the addresses lets it answer."""
    group = site.group(egress=False)
    allow(site, group, protocol="tcp", remote_address_group=offices)
    server, one, two = site.station(group), site.station(site.group()), site.station(site.group())
    site.cloud.address_groups.set(offices, add=[host(one, 4), host(two, 4)])
    listening = server.listen(4, 8000)
    pairs: list[tuple[socket.socket, socket.socket]] = []
    for each in (one, two):
        near = each.connect(server, 4, 8000)
        assert near is not None
        far, _ = listening.accept()
        far.settimeout(LONG)
        near.sendall(b"ping")
        assert far.recv(4) == b"ping"
        pairs.append((near, far))
    site.cloud.address_groups.set(offices, remove=[host(one, 4)])
    near, far = pairs[1]
    far.sendall(b"pong")
    assert near.recv(4) == b"pong"
    near, far = pairs[0]
    far.sendall(b"pong")
    assert silent(near)
    assert one.connect(server, 4, 8000, wait=SHORT) is None


def test_a_change_loses_no_packet_of_who_stays(site: Site, offices: str) -> None:
    group = allow(site, site.group(), protocol="udp", remote_address_group=offices)
    server, client = site.station(group), site.station(site.group())
    site.cloud.address_groups.set(offices, add=[host(client, 4)])
    others = [f"10.200.{number}.0/24" for number in range(4)]
    with Flood(client, server, 5000) as flood:
        for each in others:
            site.cloud.address_groups.set(offices, add=[each])
        for each in others:
            site.cloud.address_groups.set(offices, remove=[each])
    assert flood.sent > 100
    assert flood.lost == 0


def test_prefixes_that_overlap_each_count(site: Site, offices: str) -> None:
    """An address is found by each prefix that has it, of whichever group and length."""
    group, wide, friends = site.group(), f"w{site.network}", site.group()
    site.cloud.address_groups.create(wide)
    for port, remote in (
        (5001, {"remote_address_group": offices}),
        (5002, {"remote_address_group": wide}),
        (5003, {"remote_group": friends}),
    ):
        new = NewRule(group, protocol="udp", port_min=port, port_max=port, **remote)  # type: ignore[arg-type]
        site.cloud.security_groups.add_rule(new)
    server, client = site.station(group), site.station(friends)
    other = site.station(site.group())
    network = f"10.77.{site.number}"
    site.cloud.address_groups.set(offices, add=[host(client, 4)])
    site.cloud.address_groups.set(wide, add=[f"{network}.0/24", f"{network}.0/28"])
    try:
        for port in (5001, 5002, 5003):
            assert client.sends(server, 4, port), port
        for port, passes in ((5001, False), (5002, True), (5003, False)):
            assert other.sends(server, 4, port, wait=LONG if passes else SHORT) is passes, port
    finally:
        for rule in site.cloud.security_groups.rules(group):
            site.cloud.security_groups.remove_rule(rule.id)
        site.cloud.address_groups.delete(wide)
