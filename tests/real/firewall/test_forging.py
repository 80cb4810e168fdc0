"""A guest that lies gets nothing through: looked for on the wire of the other side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backends.plan.firewall.ports import link_local
from backends.services.port import AddressPair
from backends.services.security_group import NewRule
from tests.real.firewall import frames
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import LONG, SHORT, Station, settled

FALSE_MAC = "fa:16:3e:66:66:66"
MARK = b"a frame of the test's own"
Forge = Callable[[Station, Station], bytes]


def _mail(source: tuple[str, str], target: Station, *, vlan: int = 0) -> bytes:
    address = target.v6 if ":" in source[1] else target.v4
    return frames.udp((*source, 5), (target.mac, address, 5), MARK, vlan=vlan)


def _neighbour(address: str, near: str) -> str:
    """Another address of the same network."""
    head, _, _ = address.rpartition(":" if ":" in address else ".")
    return f"{head}:{near}" if ":" in address else f"{head}.{near}"


_TRUE: dict[str, Forge] = {
    "IPv4": lambda a, b: _mail((a.mac, a.v4), b),
    "IPv6": lambda a, b: _mail((a.mac, a.v6), b),
    "link-local": lambda a, b: _mail((a.mac, link_local(a.mac)), b),
    "ARP": lambda a, b: frames.arp(a.mac, b.mac, (a.mac, a.v4), b.v4, answer=True),
    "ND": lambda a, b: frames.icmp6(
        (a.mac, a.v6), (b.mac, b.v6), frames.advertisement(a.v6, a.mac)
    ),
}
_FALSE: dict[str, Forge] = {
    "MAC": lambda a, b: _mail((FALSE_MAC, a.v4), b),
    "MAC over IPv6": lambda a, b: _mail((FALSE_MAC, a.v6), b),
    "IPv4 address": lambda a, b: _mail((a.mac, _neighbour(a.v4, "77")), b),
    "IPv6 address": lambda a, b: _mail((a.mac, _neighbour(a.v6, "77")), b),
    "MAC of the receiver": lambda a, b: _mail((b.mac, a.v4), b),
    "ARP for another": lambda a, b: frames.arp(
        a.mac, b.mac, (a.mac, _neighbour(a.v4, "77")), b.v4, answer=True
    ),
    "ARP with a false MAC inside": lambda a, b: frames.arp(
        a.mac, b.mac, (FALSE_MAC, a.v4), b.v4, answer=True
    ),
    "ARP to everybody": lambda a, b: frames.arp(
        a.mac, frames.EVERYBODY, (a.mac, b.v4), b.v4, answer=False
    ),
    "ND for another": lambda a, b: frames.icmp6(
        (a.mac, a.v6), (b.mac, b.v6), frames.advertisement(_neighbour(a.v6, "77"), a.mac)
    ),
    "ND with a false MAC inside": lambda a, b: frames.icmp6(
        (a.mac, a.v6), (b.mac, b.v6), frames.advertisement(a.v6, FALSE_MAC)
    ),
    "router": lambda a, b: frames.icmp6((a.mac, link_local(a.mac)), (b.mac, b.v6), frames.router()),
    "router, to all": lambda a, b: frames.icmp6(
        (a.mac, link_local(a.mac)), (frames.ALL_NODES, "ff02::1"), frames.router()
    ),
    "DHCP server": lambda a, b: frames.udp((a.mac, a.v4, 67), (b.mac, b.v4, 68), MARK),
    "DHCP server, to all": lambda a, b: frames.udp(
        (a.mac, a.v4, 67), (frames.EVERYBODY, "255.255.255.255", 68), MARK
    ),
    "DHCPv6 server": lambda a, b: frames.udp(
        (a.mac, link_local(a.mac), 547), (b.mac, b.v6, 546), MARK
    ),
    "VLAN tag": lambda a, b: _mail((a.mac, a.v4), b, vlan=1),
    "priority tag": lambda a, b: _mail((a.mac, a.v4), b, vlan=0x2000),
    "a protocol nobody knows": lambda a, b: frames.ethernet(a.mac, b.mac, 0x88B5, MARK),
}


def _open(site: Site) -> str:
    """A group that lets in everything."""
    group = site.group()
    for ethertype in ("IPv4", "IPv6"):
        site.cloud.security_groups.add_rule(NewRule(group, ethertype=ethertype))
    return group


def _arrives(source: Station, target: Station, frame: bytes, *, wait: float = LONG) -> bool:
    def ask(wait: float) -> bool:
        wire = target.wire()
        source.wire().send(frame)
        # From the sender's address on: the receiver's may be a group's.
        return wire.caught(lambda seen: seen[12:] == frame[12:], wait=wait)

    return settled(ask, wait)


@pytest.fixture
def pair(site: Site) -> tuple[Station, Station]:
    group = _open(site)
    return site.station(group), site.station(group)


def test_the_truth_arrives(pair: tuple[Station, Station]) -> None:
    for name, forge in _TRUE.items():
        assert _arrives(*pair, forge(*pair)), name


def test_lies_do_not(site: Site, pair: tuple[Station, Station]) -> None:
    before = site.cloud.ports.counters()[pair[0].port.id].blocked_out
    for name, forge in _FALSE.items():
        assert not _arrives(*pair, forge(*pair), wait=SHORT), name
    assert _arrives(*pair, _TRUE["IPv4"](*pair))
    counted = site.cloud.ports.counters()[pair[0].port.id].blocked_out - before
    assert counted >= len(_FALSE)


def test_an_allowed_pair_is_no_lie(site: Site, pair: tuple[Station, Station]) -> None:
    one, two = pair
    frame = _mail((FALSE_MAC, _neighbour(one.v4, "77")), two)
    assert not _arrives(one, two, frame, wait=SHORT)
    allowed = [AddressPair(_neighbour(one.v4, "77"), FALSE_MAC)]
    site.cloud.ports.set(one.port.id, allowed=allowed)
    assert _arrives(one, two, frame)
    assert not _arrives(one, two, _mail((FALSE_MAC, _neighbour(one.v4, "78")), two))
    # What is sent to the second MAC reaches its holder.
    back = frames.udp((two.mac, two.v4, 5), (FALSE_MAC, _neighbour(one.v4, "77"), 5), MARK)
    assert _arrives(two, one, back)
    site.cloud.ports.set(one.port.id, allowed=[])
    assert not _arrives(one, two, frame, wait=SHORT)


def test_without_port_security_everything_passes(site: Site, pair: tuple[Station, Station]) -> None:
    one, two = pair
    site.cloud.ports.set(one.port.id, groups=[], port_security=False)
    assert _arrives(one, two, _FALSE["MAC"](one, two))
    stranger = site.station(site.group())
    assert _arrives(stranger, one, _mail((stranger.mac, stranger.v4), one))


def test_a_broadcast_does_not_get_round_the_rules(site: Site) -> None:
    group = _open(site)
    source, friend, closed = site.station(group), site.station(group), site.station(site.group())
    frame = frames.udp((source.mac, source.v4, 5), (frames.EVERYBODY, "255.255.255.255", 5), MARK)
    wires = friend.wire(), closed.wire()
    source.wire().send(frame)
    assert wires[0].caught(lambda seen: seen == frame)
    assert not wires[1].caught(lambda seen: seen == frame, wait=SHORT)


def test_a_frame_for_nobody_reaches_nobody(site: Site, pair: tuple[Station, Station]) -> None:
    one, two = pair
    frame = frames.udp((one.mac, one.v4, 5), (FALSE_MAC, "10.99.0.1", 5), MARK)
    assert not _arrives(one, two, frame, wait=SHORT)
