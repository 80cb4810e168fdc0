"""What goes over the wire between hosts: captured whole, VXLAN (RFC 7348) taken apart."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_ALL = 3  # ETH_P_ALL
_PORT = 4789
_UDP = 17
_SOL_PACKET, _ADD_MEMBERSHIP, _PROMISCUOUS = 263, 1, 1


@dataclass(frozen=True)
class Packet:
    """A packet of the underlay. `vni` is None for one that is no VXLAN; `frame` is the guest's.

    `to_host` says that it goes to the host and does not come from it. `part` is a fragment.
    """

    source: str
    target: str
    to_host: bool
    size: int
    part: bool
    keep: bool
    vni: int | None
    frame: bytes

    @property
    def is_broadcast(self) -> bool:
        """Whether the guest's frame is for many."""
        return bool(self.frame and self.frame[0] & 1)

    @property
    def kind(self) -> int:
        """The guest's EtherType."""
        return int(struct.unpack_from("!H", self.frame, 12)[0])

    def has(self, text: str) -> bool:
        """Whether the guest's frame has the address in it."""
        return ipaddress.ip_address(text).packed in self.frame


class Wire:
    """Everything that passes a port of the wire, from now on. Close it."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind((interface, _ALL))
        number = socket.if_nametoindex(interface)
        membership = struct.pack("iHH8s", number, _PROMISCUOUS, 0, b"")
        self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
        self._seen: list[Packet] = []
        self._closed = False

    @property
    def packets(self) -> list[Packet]:
        """All IP packets until now. What a guest has had an answer to has passed."""
        if not self._closed:
            self._seen += self._read()
        return self._seen

    @property
    def tunnelled(self) -> list[Packet]:
        """Those of VXLAN."""
        return [each for each in self.packets if each.vni is not None]

    def close(self) -> None:
        """Keep what was seen."""
        self._seen += self._read()
        self._closed = True
        self._socket.close()

    def _read(self) -> Iterator[Packet]:
        self._socket.setblocking(False)
        while True:
            try:
                data, (_, _, way, *_) = self._socket.recvfrom(65535)
            except BlockingIOError:
                return
            found = _packet(data, way == socket.PACKET_OUTGOING)
            if found is not None:
                yield found


def _packet(data: bytes, to_host: bool) -> Packet | None:
    (kind,) = struct.unpack_from("!H", data, 12)
    body = data[14:]
    if kind == 0x0800:
        (size,) = struct.unpack_from("!H", body, 2)
        (flags,) = struct.unpack_from("!H", body, 6)
        keep, part = bool(flags & 0x4000), bool(flags & 0x3FFF)
        protocol, head = body[9], (body[0] & 15) * 4
        ends = body[12:16], body[16:20]
    elif kind == 0x86DD:
        size = 40 + struct.unpack_from("!H", body, 4)[0]
        protocol, head = body[6], 40
        keep, part = True, protocol == 44
        ends = body[8:24], body[24:40]
    else:
        return None
    source, target = (str(ipaddress.ip_address(each)) for each in ends)
    vni, frame = None, b""
    if protocol == _UDP and not part:
        _, port = struct.unpack_from("!HH", body, head)
        if port == _PORT:
            (number,) = struct.unpack_from("!I", body, head + 12)
            vni, frame = number >> 8, body[head + 16 : size]
    return Packet(source, target, to_host, size, part, keep, vni, frame)
