"""What passes between guests of different hosts, and what is spared: seen on the wire."""

from __future__ import annotations

import struct

import pytest

from backends.cloud import Cloud
from backends.services.allowed_address import AddressPair
from backends.services.network import NewSubnet
from backends.services.security_group import NewRule
from tests.real.firewall import frames
from tests.real.firewall.station import LONG, SHORT, Station
from tests.real.lab import eventually
from tests.real.tunnels.island import MTU, Sea
from tests.real.tunnels.wire import Packet

IPV6 = 0x86DD


def _asks_neighbour(packet: Packet) -> bool:
    """A neighbour solicitation (RFC 4861, 4.3)."""
    return packet.kind == IPV6 and packet.frame[20] == 58 and packet.frame[54] == 135


def test_guests_reach_each_other_and_no_question_for_an_address_crosses(sea: Sea) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.converge()
    with sea.watched("a") as wire:
        for version in (4, 6):
            assert one.pings(two.address(version))
            assert two.pings(one.address(version))
            assert one.sends(two, version, 5000)
            server = two.listen(version, 6000)
            client = one.connect(two, version, 6000)
            assert client is not None
            accepted, _ = server.accept()
            client.sendall(b"across")
            assert accepted.recv(16) == b"across"
            accepted.close()
        seen = wire.tunnelled
    assert {each.vni for each in seen} == {network.segmentation_id}
    assert not [each for each in seen if each.kind == frames.ARP]
    assert {(each.source, each.target) for each in seen} == {
        (sea["a"].address, sea["b"].address), (sea["b"].address, sea["a"].address),
    }  # fmt: skip


def test_a_host_without_the_network_gets_nothing(sea: Sea) -> None:
    network, other = sea.network(), sea.network("10.10.0.0/24")
    one, _ = (sea.station(each, network, "default") for each in "ab")
    # It has a tunnel to each, by another network.
    for each in "abc":
        sea.station(each, other, "default")
    sea.converge()
    stranger = "fa:16:3e:99:99:99"
    with sea.watched("b") as near, sea.watched("c") as far:
        wire = one.wire()
        # Nobody's MAC, nobody's address, and everybody.
        wire.send(frames.udp((one.mac, one.v4, 5), (stranger, "10.9.0.99", 5), b"unknown"))
        wire.send(frames.arp(one.mac, frames.EVERYBODY, (one.mac, one.v4), "10.9.0.99",
                             answer=False))  # fmt: skip
        eventually(lambda: len(near.tunnelled) >= 2, "the flood to the host that has it", LONG)
        assert far.tunnelled == []
    # And none comes back into a tunnel: the one that it came by has it once.
    kinds = [each.kind for each in near.tunnelled if each.to_host]
    assert sorted(kinds) == [frames.IPV4, frames.ARP]
    assert not [each for each in near.tunnelled if not each.to_host]


def test_neighbour_solicitations_go_to_the_host_that_has_the_address(sea: Sea) -> None:
    network = sea.network()
    one, two, three = (sea.station(each, network, "default") for each in "abc")
    sea.converge()
    with sea.watched("b") as near, sea.watched("c") as far:
        assert one.pings(two.v6)
        asked = [each for each in near.tunnelled if each.to_host and _asks_neighbour(each)]
        assert [each.has(two.v6) for each in asked][:1] == [True]
        assert not [each for each in far.tunnelled if each.has(two.v6)]
    assert one.pings(three.v6)


@pytest.mark.parametrize("version", [4, 6])
def test_exactly_the_mtu_passes_and_one_byte_more_is_refused_where_it_starts(
    sea: Sea, version: int
) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.converge()
    assert network.mtu == MTU - 50
    with sea.watched("b") as wire:
        assert "1 received" in one.asks(two.address(version), network.mtu)
        full = [each for each in wire.tunnelled if each.to_host and each.size == MTU]
        assert len(full) == 1
        assert all(each.keep and not each.part for each in wire.packets)
        said = one.asks(two.address(version), network.mtu + 1)
        assert "message too long" in said.lower(), said
        # Had it gone, in one piece or in several, one of them were this large.
        assert [each for each in wire.packets if each.to_host and each.size > MTU // 2] == full


def test_a_guest_that_ignores_the_mtu_gets_nothing_through(sea: Sea) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.converge()
    assert one.pings(two.v4)
    frame = frames.udp((one.mac, one.v4, 5), (two.mac, two.v4, 5), bytes(network.mtu - 27))
    assert len(frame) == network.mtu + 15
    with sea.watched("b") as wire:
        one.ip("link", "set", one.port.interface, "mtu", str(MTU))
        inbox = two.wire()
        one.wire().send(frame)
        assert not inbox.caught(lambda seen: seen == frame, wait=SHORT)
        assert one.pings(two.v4)
        assert not [each for each in wire.packets if each.part or each.size > MTU]


def test_a_mac_that_no_record_has_is_learned(sea: Sea) -> None:
    network = sea.network()
    one, two = (sea.station(each, network, "default") for each in "ab")
    sea.station("c", network, "default")
    moved = "fa:16:3e:aa:bb:cc"
    sea["b"].at(lambda cloud: cloud.ports.set(
        two.port.id, allowed=[AddressPair("10.9.0.77", moved)],
    ))  # fmt: skip
    sea.converge()
    with sea.watched("c") as far:
        # Until it is heard of it is flooded; once it spoke it goes to its host alone.
        frame = frames.udp((one.mac, one.v4, 5), (moved, "10.9.0.77", 5), b"first")
        one.wire().send(frame)
        eventually(lambda: [each for each in far.tunnelled if each.has("10.9.0.77")], "a flood")
        spoken = frames.udp((moved, "10.9.0.77", 5), (one.mac, one.v4, 5), b"here")
        inbox = one.wire()
        two.wire().send(spoken)
        assert inbox.caught(lambda seen: b"here" in seen)
        bridge = sea["a"].cloud.settings.tunnel_bridge
        eventually(
            lambda: f"dl_dst={moved}" in sea["a"].switch.ofctl("dump-flows", bridge, "table=20"),
            "a learned flow", LONG,
        )  # fmt: skip
        learned = sea["a"].switch.ofctl("dump-flows", bridge, "table=20")
        assert "hard_timeout=300" in next(
            line for line in learned.splitlines() if f"dl_dst={moved}" in line
        )
        before = len(far.tunnelled)
        with sea.watched("b") as near:
            one.wire().send(frame)
            eventually(lambda: near.tunnelled, "the frame at its host", LONG)
        assert len(far.tunnelled) == before
    # What the switch learned is no drift.
    assert sea["a"].planned() == []


def test_security_groups_hold_where_the_packet_arrives(sea: Sea) -> None:
    network = sea.network()
    host = sea["a"]
    host.at(lambda cloud: cloud.security_groups.create("quiet"))
    host.at(lambda cloud: cloud.security_groups.create("friends"))
    try:
        host.at(lambda cloud: cloud.security_groups.add_rule(
            NewRule("quiet", protocol="icmp", remote_group="friends")))  # fmt: skip
        one = sea.station("a", network, "friends")
        two = sea.station("b", network, "quiet")
        three = sea.station("c", network, "default")
        sea.converge()
        assert one.pings(two.v4)
        assert not one.sends(two, 4, 5000, wait=SHORT)
        assert not three.pings(two.v4, wait=SHORT)
        # A member that joins is let in, wherever it is.
        host.at(lambda cloud: cloud.ports.set(three.port.id, groups=["friends"]))
        sea.converge()
        assert three.pings(two.v4)
    finally:
        sea.clear()
        for name in ("quiet", "friends"):
            host.at(lambda cloud, name=name: cloud.security_groups.delete(name))


def test_equal_ranges_of_two_projects_never_cross(sea: Sea) -> None:
    one, other = sea.network(), sea.network()
    assert one.segmentation_id != other.segmentation_id
    pairs = [[sea.station(each, network, "default") for each in "ab"] for network in (one, other)]
    sea.converge()
    (left, right), (near, far) = pairs
    assert (left.v4, right.v4) == (near.v4, far.v4)
    with sea.watched("b") as wire:
        inbox = far.wire()
        for version in (4, 6):
            assert left.pings(right.address(version))
            assert left.sends(right, version, 5000)
        assert {each.vni for each in wire.tunnelled} == {one.segmentation_id}
        macs = (frames.mac(left.mac), frames.mac(right.mac))
        assert not inbox.caught(lambda frame: frame[6:12] in macs, wait=SHORT)
    assert near.pings(far.v4)


def test_dhcp_serves_guests_of_every_host_and_tells_the_mtu(sea: Sea) -> None:
    network = sea.network(dhcp=True)
    one = sea.station("b", network, "default")
    sea.converge()
    inbox = one.wire()
    # A request as RFC 2131 has it, asking for the MTU (option 26).
    inbox.send(_discover(one))
    wanted = b"\x1a\x02" + struct.pack("!H", network.mtu)
    assert inbox.caught(lambda frame: frames.packed(one.v4) in frame and wanted in frame)


def test_a_router_advertises_the_mtu_to_guests_of_another_host(sea: Sea) -> None:
    network = sea.network()
    home = sea["a"]

    def route(cloud: Cloud) -> None:
        cloud.networks.create_subnet(NewSubnet(network.id, "fd0a::/64", name="advertised"))
        cloud.routers.create("lookout")
        cloud.routers.add_subnet("lookout", "advertised")

    home.at(route)
    try:
        far = sea.station("b", network, "default")
        sea.converge()
        inbox = far.wire()
        # RFC 4861: a solicitation (4.1), the advertisement (4.2) and its MTU option (4.6.4).
        question = struct.pack("!BBHI", 133, 0, 0, 0)
        told = b"\x05\x01\x00\x00" + struct.pack("!I", network.mtu)

        def advertised() -> bool:
            inbox.send(frames.icmp6((far.mac, "::"), ("33:33:00:00:00:02", "ff02::2"), question))
            return inbox.caught(lambda frame: frame[54:55] == b"\x86" and told in frame, wait=1.0)

        eventually(advertised, "an advertisement with the MTU")
    finally:
        home.at(lambda cloud: cloud.routers.remove_subnet("lookout", "advertised"))
        home.at(lambda cloud: cloud.routers.delete("lookout"))


def _discover(station: Station) -> bytes:
    body = struct.pack("!BBBBIHH", 1, 1, 6, 0, 0x51DEC0DE, 0, 0x8000)
    body += bytes(16) + frames.mac(station.mac) + bytes(10 + 192)
    body += b"\x63\x82\x53\x63" + b"\x35\x01\x01" + b"\x37\x02\x01\x1a" + b"\xff"
    source = (station.mac, "0.0.0.0", 68)
    return frames.udp(source, (frames.EVERYBODY, "255.255.255.255", 67), body)
