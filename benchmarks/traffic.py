"""Packets through the security groups, against a bridge that only switches (NORMAL).

Two namespaces with internal ports on either, the same datapath, MTU and addresses. Members of the
default group reach each other by its remote-group rule, as instances do that nobody set up.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from backends.cloud import Cloud
from backends.records.unit import Kind, Unit
from benchmarks import scratch
from benchmarks.measure import Result, medians
from tests.real.firewall.station import Station, inside, namespace_name

_MEGABYTES, _CONNECTIONS = 64, 2_000
_RUNS = 5
Pair = tuple[float, float]
_BULK, _SHORT, _MTU = 7301, 7302, 1450
# Takes all that comes and says when it had the last of it; and connections that only come and go.
_SERVER = """
import socket, sys, threading
def bulk(talk):
    while talk.recv(1 << 20): pass
    talk.sendall(b"x")
    talk.close()
def serve(port, each):
    listener = socket.create_server((sys.argv[1], port), backlog=1024)
    print("ready", flush=True)
    while True: each(listener.accept()[0])
threading.Thread(target=serve, args=(int(sys.argv[2]), bulk), daemon=True).start()
serve(int(sys.argv[3]), lambda talk: talk.close())
"""


@dataclass
class Way:
    """From a namespace to an address that is served in another."""

    namespace: str
    address: str

    def carry(self, megabytes: int) -> None:
        """Send so many of 2**20 bytes and wait until all of them have come."""
        with inside(self.namespace), self._connect(_BULK) as talk:
            block = bytes(1 << 20)
            for _ in range(megabytes):
                talk.sendall(block)
            talk.shutdown(socket.SHUT_WR)
            talk.recv(1)

    def knock(self, times: int) -> None:
        """Open so many connections, one after another."""
        with inside(self.namespace):
            for _ in range(times):
                with self._connect(_SHORT) as talk:
                    talk.recv(1)

    def _connect(self, port: int) -> socket.socket:
        made = socket.socket()
        made.settimeout(30)
        # A port that is closed by reset can be used again at once.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        made.connect((self.address, port))
        return made


def main() -> list[Result]:
    """The time for a bulk of data, and for connections one after another."""
    bulk, short = measure(_MEGABYTES, _CONNECTIONS)
    return results(_MEGABYTES, _CONNECTIONS, bulk, short)


def results(
    megabytes: int, connections: int, bulk: Pair, short: Pair, where: str = ""
) -> list[Result]:
    """The claims of what was measured."""
    return [
        Result(f"{megabytes} MiB through the groups / a bare bridge{where}", *bulk, 1.5),
        Result(f"{connections:,} new connections / a bare bridge{where}", *short, 2.0),
    ]


def measure(megabytes: int, connections: int, runs: int = _RUNS) -> tuple[Pair, Pair]:
    """Ours and the peer's: for so much data, and for so many connections; in milliseconds."""
    with scratch.cloud(guests=False) as (cloud, _), _filtered(cloud) as ours, _bare(cloud) as peer:
        bulk = medians(
            {"ours": lambda: ours.carry(megabytes), "peer": lambda: peer.carry(megabytes)}, runs
        )
        short = medians(
            {"ours": lambda: ours.knock(connections), "peer": lambda: peer.knock(connections)},
            runs,
        )
    return (bulk["ours"], bulk["peer"]), (short["ours"], short["peer"])


@contextmanager
def _filtered(cloud: Cloud) -> Iterator[Way]:
    """Two ports of a network of the cloud, as instances would have them."""
    with ExitStack() as ends:
        stations = []
        for name in ("one", "two"):
            port = cloud.ports.create(scratch.NETWORK, name)
            address = cloud.ports.show(port.id).addresses[0][1]
            station = Station(cloud, port, address, "fd97::1", namespace_name())
            ends.callback(station.unplug)
            station.plug()
            stations.append(station)
        unit = Unit(Kind.FIREWALL, cloud.settings.host)
        cloud.context.converge("benchmark", [unit])
        one, two = stations
        ends.enter_context(_server(two.namespace, two.v4))
        yield Way(one.namespace, two.v4)


@contextmanager
def _bare(cloud: Cloud) -> Iterator[Way]:
    """Two ports of a bridge without a flow of ours."""
    bridge, datapath = f"br-b{secrets.token_hex(3)}", cloud.settings.datapath
    _run("ovs-vsctl", "add-br", bridge, "--", "set", "bridge", bridge, f"datapath_type={datapath}")
    with ExitStack() as ends:
        ends.callback(_run, "ovs-vsctl", "del-br", bridge)
        names = [namespace_name() for _ in range(2)]
        for number, name in enumerate(names, 1):
            port = f"b{secrets.token_hex(4)}"
            _run("ovs-vsctl", "add-port", bridge, port, "--", "set", "Interface", port,
                 "type=internal", f"mtu_request={_MTU}")  # fmt: skip
            _run("ip", "netns", "add", name)
            ends.callback(_run, "ip", "netns", "delete", name)
            _run("ip", "link", "set", port, "netns", name)
            if datapath == "netdev":
                _run("ip", "netns", "exec", name, "ethtool", "-K", port, "tx", "off")
            _run("ip", "-n", name, "address", "add", f"10.98.0.{number}/24", "dev", port)
            _run("ip", "-n", name, "link", "set", port, "up")
        ends.enter_context(_server(names[1], "10.98.0.2"))
        yield Way(names[0], "10.98.0.2")


@contextmanager
def _server(namespace: str, address: str) -> Iterator[None]:
    argv = ["ip", "netns", "exec", namespace, sys.executable, "-S", "-c", _SERVER, address]
    with subprocess.Popen([*argv, str(_BULK), str(_SHORT)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            for _ in range(2):
                process.stdout.readline()
            yield
        finally:
            process.terminate()


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


if __name__ == "__main__":
    print(*main(), sep="\n")
