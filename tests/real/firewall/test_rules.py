"""What rules let through, with real packets on a real switch."""

from __future__ import annotations

import socket

import pytest

from backends.services.security_group import NewRule
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import LONG, SHORT, Flood, Station

BOTH = pytest.mark.parametrize("version", [4, 6])


def allow(site: Site, group: str, **values: object) -> str:
    """Add a rule for IPv4 and for IPv6 alike; gives the group."""
    for ethertype in ("IPv4", "IPv6"):
        changed = dict(values)
        if ethertype == "IPv6" and changed.get("protocol") == "icmp":
            changed["protocol"] = "ipv6-icmp"
        if ethertype == "IPv6" and "port_min" in changed and changed["protocol"] == "ipv6-icmp":
            changed["port_min"] = 128
        site.cloud.security_groups.add_rule(
            NewRule(group, ethertype=ethertype, **changed)  # type: ignore[arg-type]
        )
    return group


def silent(listening: socket.socket) -> bool:
    """Whether nothing comes."""
    listening.settimeout(SHORT)
    try:
        listening.recv(16)
    except TimeoutError:
        return True
    finally:
        listening.settimeout(LONG)
    return False


def withdraw(site: Site, group: str, direction: str = "ingress") -> None:
    groups = site.cloud.security_groups
    for rule in groups.rules(group):
        if rule.direction == direction:
            groups.remove_rule(rule.id)


def reaches(
    source: Station, target: Station, version: int, port: int, *, wait: float = LONG
) -> bool:
    """Whether a TCP connection is made."""
    server = target.listen(version, port)
    client = source.connect(target, version, port, wait=wait)
    server.close()
    if client is not None:
        client.close()
    return client is not None


@BOTH
def test_the_default_group_lets_in_its_own_and_nobody_else(site: Site, version: int) -> None:
    one, two = site.station("default"), site.station("default")
    stranger = site.station(site.group())
    assert one.pings(two.address(version))
    assert one.sends(two, version, 5000)
    assert reaches(one, two, version, 8000)
    for source, target in ((stranger, one), (one, stranger)):
        assert not source.pings(target.address(version), wait=SHORT)
        assert not source.sends(target, version, 5000, wait=SHORT)
        assert not reaches(source, target, version, 8000, wait=SHORT)


@BOTH
def test_a_range_of_ports_and_not_one_more(site: Site, version: int) -> None:
    opened = site.group()
    allow(site, opened, protocol="tcp", port_min=8001, port_max=8006)
    server, client = site.station(opened), site.station(site.group())
    for port, passes in ((8000, False), (8001, True), (8006, True), (8007, False)):
        wait = LONG if passes else SHORT
        assert reaches(client, server, version, port, wait=wait) is passes, port
    assert not client.sends(server, version, 8001, wait=SHORT)
    assert not client.pings(server.address(version), wait=SHORT)


@BOTH
def test_udp_alone(site: Site, version: int) -> None:
    server = site.station(allow(site, site.group(), protocol="udp", port_min=53, port_max=53))
    client = site.station(site.group())
    assert client.sends(server, version, 53)
    assert not client.sends(server, version, 54, wait=SHORT)
    assert not reaches(client, server, version, 53, wait=SHORT)


@BOTH
def test_an_icmp_type(site: Site, version: int) -> None:
    echo = site.station(allow(site, site.group(), protocol="icmp", port_min=8))
    every = site.station(allow(site, site.group(), protocol="icmp"))
    client = site.station(site.group())
    assert client.pings(echo.address(version))
    assert client.pings(every.address(version))
    assert not echo.pings(client.address(version), wait=SHORT)
    assert not client.sends(echo, version, 5000, wait=SHORT)


@BOTH
def test_a_prefix(site: Site, version: int) -> None:
    group = site.group()
    near, far = site.station(site.group()), site.station(site.group())
    prefix = f"{near.address(version)}/{128 if version == 6 else 32}"
    site.cloud.security_groups.add_rule(
        NewRule(group, ethertype=f"IPv{version}", remote_prefix=prefix)
    )
    server = site.station(group)
    assert near.pings(server.address(version))
    assert not far.pings(server.address(version), wait=SHORT)


@BOTH
def test_what_may_leave(site: Site, version: int) -> None:
    closed = site.group(egress=False)
    allow(site, closed, direction="egress", protocol="tcp", port_min=80, port_max=80)
    server = site.station(allow(site, site.group()))
    client = site.station(closed)
    assert reaches(client, server, version, 80)
    assert not reaches(client, server, version, 81, wait=SHORT)
    assert not client.sends(server, version, 80, wait=SHORT)
    assert not client.pings(server.address(version), wait=SHORT)


@BOTH
def test_a_member_of_a_remote_group_joins_and_leaves(site: Site, version: int) -> None:
    friends, open_to_them = site.group(), site.group()
    allow(site, open_to_them, remote_group=friends)
    server, client = site.station(open_to_them), site.station(site.group())
    assert not client.pings(server.address(version), wait=SHORT)
    mine = site.cloud.ports.show(client.port.id).groups
    site.cloud.ports.set(client.port.id, groups=[*mine, friends])
    assert client.pings(server.address(version))
    assert reaches(client, server, version, 8000)
    site.cloud.ports.set(client.port.id, groups=mine)
    assert not client.pings(server.address(version), wait=SHORT)
    assert not reaches(client, server, version, 8000, wait=SHORT)


@BOTH
def test_a_withdrawn_rule_ends_its_connection_and_no_other(site: Site, version: int) -> None:
    doomed, kept = site.group(), site.group()
    allow(site, doomed, protocol="tcp", port_min=8000, port_max=8000)
    allow(site, kept, protocol="tcp", port_min=9000, port_max=9000)
    server, client = site.station(doomed, kept), site.station(site.group())
    pairs = {}
    for port in (8000, 9000):
        listening = server.listen(version, port)
        near = client.connect(server, version, port)
        assert near is not None
        far, _ = listening.accept()
        far.settimeout(LONG)
        pairs[port] = (near, far)
        near.sendall(b"ping")
        assert far.recv(4) == b"ping"
    withdraw(site, doomed)
    near, far = pairs[9000]
    near.sendall(b"ping")
    assert far.recv(4) == b"ping"
    far.sendall(b"pong")
    assert near.recv(4) == b"pong"
    near, far = pairs[8000]
    # The answer's way is cut too, without a packet of the client's before it.
    far.sendall(b"pong")
    assert silent(near)
    near.sendall(b"ping")
    assert silent(far)
    assert client.connect(server, version, 8000, wait=SHORT) is None


@BOTH
def test_a_connection_that_another_rule_allows_goes_on(site: Site, version: int) -> None:
    narrow, wide = site.group(), site.group()
    allow(site, narrow, protocol="udp", port_min=5000, port_max=5000)
    allow(site, wide, protocol="udp")
    server, client = site.station(narrow, wide), site.station(site.group())
    there, here = server.datagrams(version, 5000), client.datagrams(version)
    here.sendto(b"one", (server.address(version), 5000))
    _, sender = there.recvfrom(16)
    withdraw(site, narrow)
    there.sendto(b"two", sender)
    assert here.recv(16) == b"two"
    here.sendto(b"three", (server.address(version), 5000))
    assert there.recv(16) == b"three"


def test_a_rule_that_comes_back_lets_its_connection_go_on(site: Site) -> None:
    group = allow(site, site.group(), protocol="udp")
    server, client = site.station(group), site.station(site.group())
    there, here = server.datagrams(4, 5000), client.datagrams(4)
    here.sendto(b"one", (server.v4, 5000))
    _, sender = there.recvfrom(16)
    there.sendto(b"two", sender)
    assert here.recv(16) == b"two"
    withdraw(site, group)
    here.sendto(b"three", (server.v4, 5000))
    assert silent(there)
    allow(site, group, protocol="udp")
    here.sendto(b"four", (server.v4, 5000))
    assert there.recv(16) == b"four"
    there.sendto(b"five", sender)
    assert here.recv(16) == b"five"


def test_changes_lose_no_packet_of_what_is_allowed(site: Site) -> None:
    group = allow(site, site.group(), protocol="udp")
    server, client = site.station(group), site.station(site.group())
    with Flood(client, server, 5000) as flood:
        for port in range(7000, 7010):
            site.cloud.security_groups.add_rule(
                NewRule(group, protocol="tcp", port_min=port, port_max=port)
            )
        for each in site.cloud.security_groups.rules(group):
            if each.protocol == "tcp":
                site.cloud.security_groups.remove_rule(each.id)
    assert flood.sent > 100
    assert flood.lost == 0
