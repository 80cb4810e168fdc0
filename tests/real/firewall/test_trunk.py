"""Trunks: a guest that is on several networks by one port, each of them as closed as ever.

The guest's frames are made and caught by hand, tags and all: not every kernel here knows 802.1Q.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from backends.records.network import Port
from backends.services.security_group import NewRule
from backends.services.trunk import NewSubport
from tests.real.firewall import frames
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import LONG, SHORT, Station, settled

_PACKET, _AUXDATA, _VLAN_VALID = 263, 8, 0x10
VLAN = 100


class TaggedWire:
    """A packet socket that tells the VLAN of each frame, which the kernel takes off (packet(7))."""

    def __init__(self, station: Station) -> None:
        self._socket = station.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        self._socket.bind((station.port.interface, 3))
        self._socket.setsockopt(_PACKET, _AUXDATA, 1)

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def caught(self, wanted: Callable[[int, bytes], bool], *, wait: float = LONG) -> bool:
        """Whether such a frame comes in, by its VLAN (0: none) and what it is without the tag."""
        self._socket.settimeout(wait)
        with suppress(TimeoutError):
            while True:
                frame, extra, _, (_, _, kind, *_) = self._socket.recvmsg(4096, 256)
                if kind != socket.PACKET_OUTGOING and wanted(_vlan(extra), frame):
                    return True
        return False


def _vlan(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extra:
        if (level, kind) == (_PACKET, _AUXDATA):
            status, tci = struct.unpack_from("I12xH", data)
            return tci & 0xFFF if status & _VLAN_VALID else 0
    return 0


@dataclass
class Dock:
    """A guest with its trunk: `front` is its own network, `back` the one under the tag."""

    front: Site
    back: Site
    guest: Station
    subport: Port
    v4: str
    v6: str
    trunk: str

    @property
    def own(self) -> tuple[str, str]:
        return self.subport.mac, self.v4

    def mail(
        self, target: Station, *, source: tuple[str, str] | None = None, vlan: int = VLAN
    ) -> tuple[bytes, bytes]:
        """A datagram from the guest to a station behind the tag, and what tells it from others."""
        token = secrets.token_bytes(8)
        mac, address = source or self.own
        there = target.v6 if ":" in address else target.v4
        frame = frames.udp((mac, address, 5), (target.mac, there, 5), token, vlan=vlan)
        return frame, token

    def arrives(self, target: Station, wait: float = LONG, **values: object) -> bool:
        def ask(wait: float) -> bool:
            wire = target.wire()
            frame, token = self.mail(target, **values)  # type: ignore[arg-type]
            self.guest.wire().send(frame)
            return wire.caught(lambda seen: token in seen, wait=wait)

        return settled(ask, wait)

    def hears(self, source: Station, wait: float = LONG) -> bool:
        """Whether a datagram to the subport comes in under its tag."""

        def ask(wait: float) -> bool:
            wire, token = TaggedWire(self.guest), secrets.token_bytes(8)
            frame = frames.udp((source.mac, source.v4, 6), (self.subport.mac, self.v4, 6), token)
            source.wire().send(frame)
            return wire.caught(lambda vlan, seen: vlan == VLAN and token in seen, wait=wait)

        return settled(ask, wait)


@pytest.fixture
def back(site: Site) -> Iterator[Site]:
    made = Site(site.cloud)
    yield made
    made.close()


@pytest.fixture
def dock(site: Site, back: Site) -> Iterator[Dock]:
    guest = site.station()
    subport = site.cloud.ports.create(back.network)
    addresses = [address for _, address in site.cloud.ports.show(subport.id).addresses]
    trunk = f"t{secrets.token_hex(3)}"
    site.cloud.trunks.create(trunk, guest.port.id, subports=[NewSubport(subport.id, VLAN)])
    made = Dock(
        site, back, guest, subport,
        next(each for each in addresses if "." in each),
        next(each for each in addresses if ":" in each),
        trunk,
    )  # fmt: skip
    yield made
    for view in site.cloud.trunks.list():
        if view.trunk.name == trunk:
            site.cloud.trunks.delete(trunk)
    site.cloud.ports.delete(subport.id)


def test_a_subport_is_on_its_network_and_nowhere_else(dock: Dock) -> None:
    there, here = dock.back.station(), dock.front.station()
    assert dock.arrives(there)
    assert dock.arrives(there, source=(dock.subport.mac, dock.v6))
    assert dock.hears(there)
    assert dock.guest.sends(here, 4, 9)
    # By capture: what is tagged is not seen on the parent's network, nor the other way round.
    wires = here.wire(), there.wire()
    frame, token = dock.mail(there)
    plain, other = dock.mail(here, source=(dock.guest.mac, dock.guest.v4), vlan=0)
    dock.guest.wire().send(frame)
    dock.guest.wire().send(plain)
    assert wires[1].caught(lambda seen: token in seen)
    assert wires[0].caught(lambda seen: other in seen)
    assert not wires[0].caught(lambda seen: token in seen, wait=SHORT)
    assert not wires[1].caught(lambda seen: other in seen, wait=SHORT)
    assert not dock.arrives(there, wait=SHORT, vlan=VLAN + 1)
    assert not dock.arrives(there, wait=SHORT, vlan=0)


def test_a_broadcast_reaches_a_subport_under_its_tag_and_others_without(dock: Dock) -> None:
    asker, other = dock.back.station(), dock.back.station()
    wires = TaggedWire(dock.guest), other.wire()
    question = frames.arp(asker.mac, frames.EVERYBODY, (asker.mac, asker.v4), dock.v4, answer=False)
    asker.wire().send(question)
    body = question[14:]
    assert wires[0].caught(lambda vlan, seen: vlan == VLAN and body in seen)
    assert wires[1].caught(lambda seen: seen == question)
    answer = frames.arp(dock.subport.mac, asker.mac, dock.own, asker.v4, answer=True)
    wire = asker.wire()
    dock.guest.wire().send(answer[:12] + struct.pack("!HH", 0x8100, VLAN) + answer[12:])
    assert wire.caught(lambda seen: seen == answer)


def test_a_subport_is_no_one_else(dock: Dock) -> None:
    there = dock.back.station()
    for source in (
        (dock.guest.mac, dock.v4),
        (dock.subport.mac, dock.guest.v4),
        (dock.subport.mac, there.v4),
    ):
        assert not dock.arrives(there, wait=SHORT, source=source)
    before = dock.front.cloud.ports.counters()[dock.subport.id]
    assert before.blocked_out >= 3
    assert dock.arrives(there)
    assert dock.front.cloud.ports.counters()[dock.subport.id].sent > before.sent


def test_groups_hold_on_a_subport(dock: Dock) -> None:
    cloud, there = dock.front.cloud, dock.back.station()
    closed = dock.back.group()
    cloud.ports.set(dock.subport.id, groups=[closed])
    assert not dock.hears(there, wait=SHORT)
    cloud.security_groups.add_rule(NewRule(closed, protocol="udp", port_min=6, port_max=6))
    assert dock.hears(there)
    # The parent's groups are its own.
    assert dock.guest.sends(dock.front.station(), 4, 9)
    for rule in cloud.security_groups.rules(closed):
        cloud.security_groups.remove_rule(rule.id)
    assert not dock.hears(there, wait=SHORT)
    assert not dock.arrives(there, wait=SHORT)
    cloud.ports.set(dock.subport.id, groups=["default"])


def test_a_trunk_that_is_down_or_gone_carries_nothing(dock: Dock) -> None:
    cloud, there = dock.front.cloud, dock.back.station()
    assert dock.arrives(there)
    cloud.trunks.set(dock.trunk, admin_state_up=False)
    assert not dock.arrives(there, wait=SHORT)
    assert not dock.hears(there, wait=SHORT)
    cloud.trunks.set(dock.trunk, admin_state_up=True)
    assert dock.arrives(there)
    cloud.trunks.remove_subports(dock.trunk, [dock.subport.id])
    assert not dock.arrives(there, wait=SHORT)
    cloud.trunks.add_subports(dock.trunk, [NewSubport(dock.subport.id, VLAN + 5)])
    assert dock.arrives(there, vlan=VLAN + 5)
    assert not dock.arrives(there, wait=SHORT)
    cloud.trunks.delete(dock.trunk)
    assert not dock.arrives(there, wait=SHORT, vlan=VLAN + 5)
    assert cloud.ports.show(dock.subport.id).port.device_id == ""
    assert not cloud.drift.show().plan


def test_a_subport_can_have_its_parent_s_mac(site: Site, back: Site) -> None:
    guest, there = site.station(), back.station()
    port = site.cloud.ports.create(back.network, mac=guest.mac)
    ((_, v4),) = [each for each in site.cloud.ports.show(port.id).addresses if "." in each[1]]
    name = f"t{secrets.token_hex(3)}"
    site.cloud.trunks.create(name, guest.port.id, subports=[NewSubport(port.id, VLAN)])
    dock = Dock(site, back, guest, port, v4, "", name)
    try:
        assert dock.arrives(there)
        assert dock.hears(there)
        assert guest.sends(site.station(), 4, 9)
    finally:
        site.cloud.trunks.delete(name)
        site.cloud.ports.delete(port.id)
