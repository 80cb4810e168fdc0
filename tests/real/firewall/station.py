"""A namespace in a guest's place: a recorded port, plugged, with sockets that live inside."""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from backends.cloud import Cloud
from backends.drivers.ovs.steps import AddPort, RemovePort
from backends.plan.inner import port_labels
from backends.records import snapshot
from backends.records.network import Port
from backends.records.unit import Kind, Unit
from tests.real.lab import run

# Seconds to wait for what should come, on a busy machine, and for what should not: a packet takes
# less than a millisecond.
LONG, SHORT = 10.0, 0.4
_ASK_AGAIN = 0.5
_ANSWER = 2.0
_MOMENT = 1.0
T = TypeVar("T")
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def settled(ask: Callable[[float], T], wait: float) -> T:
    """What is found by asking, with a time to wait in seconds, until it is as it should be.

    A switch is told of its flows at once, and goes by what it had cached until its revalidators
    have been round (ovs-vswitchd(8)): some milliseconds, half a second on a busy machine. Whoever
    waits long expects something, and asks until it is there; whoever waits shortly expects
    nothing, and asks once more where there was something.
    """
    expected = wait > SHORT
    end = time.monotonic() + (wait if expected else _MOMENT)
    found = ask(min(wait, _ANSWER))
    while bool(found) != expected and time.monotonic() < end:
        found = ask(min(wait, _ANSWER))
    return found


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread in another network namespace; a socket stays in the one it was made in."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@dataclass
class Station:
    """What a guest would be. Take it away with `close`."""

    cloud: Cloud
    port: Port
    v4: str
    v6: str
    namespace: str
    mtu: int = 1450
    _sockets: list[socket.socket] = field(default_factory=list)

    @property
    def mac(self) -> str:
        return self.port.mac

    def address(self, version: int) -> str:
        return self.v6 if version == 6 else self.v4

    def plug(self) -> None:
        """Make the interface in its namespace; the flows are not looked at yet."""
        settings, port = self.cloud.settings, self.port
        self.cloud.machine.apply(
            AddPort(
                settings.bridge, port.interface, self._vlan(), port_labels(port, settings),
                internal=True, mac=port.mac, mtu=self.mtu,
            ),
            lambda share: None,
        )  # fmt: skip
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "set", port.interface, "netns", self.namespace)
        self.ip("link", "set", "lo", "up")
        if settings.datapath == "netdev":
            # In userspace nobody else computes the checksums.
            self.run("ethtool", "-K", port.interface, "tx", "off")
        for name in ("accept_dad=0", "router_solicitations=0"):
            self.run("sysctl", "-qw", f"net.ipv6.conf.{port.interface}.{name}")
        self.ip("link", "set", port.interface, "address", port.mac, "up")
        self.ip("address", "add", f"{self.v4}/24", "dev", port.interface)
        self.ip("address", "add", f"{self.v6}/64", "dev", port.interface, "nodad")

    def unplug(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()
        self.cloud.machine.apply(RemovePort(self.port.interface), lambda share: None)
        if Path(f"/run/netns/{self.namespace}").exists():
            run("ip", "netns", "del", self.namespace)

    def _vlan(self) -> int:
        unit = Unit(Kind.NETWORK, self.port.network_id)
        with self.cloud.context.store.read() as session:
            found = snapshot.read(session, self.cloud.settings.host, [unit])
        return found.vlans[self.port.network_id]

    def run(self, *argv: str) -> str:
        return run("ip", "netns", "exec", self.namespace, *argv)

    def ip(self, *argv: str) -> str:
        return run("ip", "-n", self.namespace, *argv)

    # Sockets

    def socket(
        self, family: int, kind: int, protocol: int = 0, *, wait: float = LONG
    ) -> socket.socket:
        with inside(self.namespace):
            made = socket.socket(family, kind, protocol)
        made.settimeout(wait)
        self._sockets.append(made)
        return made

    def listen(self, version: int, port: int) -> socket.socket:
        server = self.socket(_family(version), socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((self.address(version), port))
        server.listen()
        return server

    def datagrams(self, version: int, port: int = 0, *, any_address: bool = False) -> socket.socket:
        made = self.socket(_family(version), socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.bind(("" if any_address else self.address(version), port))
        return made

    def connect(
        self, other: Station, version: int, port: int, *, wait: float = LONG
    ) -> socket.socket | None:
        """A TCP connection; None where it is not let through."""
        # Where it is expected the kernel asks again by itself (RFC 9293, 3.8.1).
        if wait > SHORT:
            return self._connect(other, version, port, wait)
        return settled(lambda wait: self._connect(other, version, port, wait), wait)

    def _connect(
        self, other: Station, version: int, port: int, wait: float
    ) -> socket.socket | None:
        client = self.socket(_family(version), socket.SOCK_STREAM, wait=wait)
        try:
            client.connect((other.address(version), port))
        except TimeoutError:
            return None
        return client

    def sends(self, other: Station, version: int, port: int, *, wait: float = LONG) -> bool:
        """Whether a datagram arrives and its answer comes back."""
        return settled(lambda wait: self._sends(other, version, port, wait), wait)

    def _sends(self, other: Station, version: int, port: int, wait: float) -> bool:
        there, here = other.datagrams(version, port), self.datagrams(version)
        there.settimeout(wait)
        here.settimeout(wait)
        token = secrets.token_bytes(8)
        here.sendto(token, (other.address(version), port))
        try:
            data, sender = there.recvfrom(64)
            there.sendto(data, sender)
            return here.recv(64) == token
        except TimeoutError:
            return False
        finally:
            there.close()
            here.close()

    def pings(self, address: str, *, wait: float = LONG) -> bool:
        """Whether an echo comes back."""
        if wait > SHORT:
            return self._pings(address, wait)
        return settled(lambda wait: self._pings(address, wait), wait)

    def _pings(self, address: str, wait: float) -> bool:
        version = 6 if ":" in address else 4
        protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
        asker = self.socket(_family(version), socket.SOCK_RAW, protocol, wait=wait)
        number = secrets.randbelow(0xFFFF)
        asked, answered = (128, 129) if version == 6 else (8, 0)
        body = struct.pack("!BBHHH", asked, 0, 0, number, 1)
        if version == 4:
            total = sum(struct.unpack("!4H", body))
            body = struct.pack("!BBHHH", asked, 0, ~((total >> 16) + total) & 0xFFFF, number, 1)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            # Asked again, as the first may be lost while a neighbour is still being found.
            asker.sendto(body, (address, 0))
            asker.settimeout(min(_ASK_AGAIN, max(end - time.monotonic(), 0.01)))
            with suppress(TimeoutError):
                while True:
                    data = asker.recv(2048)
                    data = data if version == 6 else data[(data[0] & 15) * 4 :]
                    if data[0] == answered and struct.unpack("!H", data[4:6])[0] == number:
                        return True
        return False

    def asks(self, address: str, size: int) -> str:
        """What ping(8) says of an echo of this size (bytes, IP header too) that may not be cut."""
        argv = ("ip", "netns", "exec", self.namespace, "ping", "-c", "1", "-W", "2", "-M", "do",
                "-s", str(size - (48 if ":" in address else 28)), address)  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def wire(self) -> Wire:
        """The interface itself: frames as they are."""
        made = self.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        made.bind((self.port.interface, 3))
        return Wire(made)


class Wire:
    """A packet socket: sends any frame, and tells what came in."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def caught(self, wanted: Callable[[bytes], bool], *, wait: float = LONG) -> bool:
        """Whether such a frame comes in within the wait. What we sent is not counted."""
        self._socket.settimeout(wait)
        with suppress(TimeoutError):
            while True:
                frame, (_, _, kind, *_) = self._socket.recvfrom(4096)
                if kind != socket.PACKET_OUTGOING and wanted(frame):
                    return True
        return False


class Flood:
    """Datagrams one after another, each answered: how many were lost."""

    def __init__(self, source: Station, target: Station, port: int) -> None:
        self.sent = self.lost = 0
        self._there, self._here = target.datagrams(4, port), source.datagrams(4)
        self._target = (target.v4, port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._here.sendto(self.sent.to_bytes(8), self._target)
            self.sent += 1
            try:
                data, sender = self._there.recvfrom(64)
                self._there.sendto(data, sender)
                self._here.recv(64)
            except TimeoutError:
                self.lost += 1


def _family(version: int) -> int:
    return socket.AF_INET6 if version == 6 else socket.AF_INET


def namespace_name() -> str:
    return f"t-fw-{os.getpid()}-{secrets.token_hex(2)}"
