"""Namespaces that stand in for guests, and for machines outside: plugged, addressed, talking."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from backends.cloud import Cloud
from backends.drivers.ovs.steps import AddPort
from backends.plan.inner import port_labels
from tests.real.lab import run

# Answers each line with the same line, after one that says where the connection came from.
_SERVER = """
import socket, sys, threading
def serve(talk, peer):
    with talk, talk.makefile("rw") as lines:
        print(f"from {peer[0]}", file=lines, flush=True)
        for line in lines:
            print(line, end="", file=lines, flush=True)
family = socket.AF_INET6 if sys.argv[2] == "6" else socket.AF_INET
listener = socket.create_server(("", int(sys.argv[1])), family=family)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept(), daemon=True).start()
"""
# Connects, and sends what it is told to; says what came back, or that nothing will.
_CLIENT = """
import socket, sys
try:
    talk = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
    with talk, talk.makefile("rw") as lines:
        print(lines.readline() or "broken", end="", flush=True)
        for line in sys.stdin:
            print(line, end="", file=lines, flush=True)
            print(lines.readline() or "broken", end="", flush=True)
except OSError:
    print("broken", flush=True)
"""


class Talk:
    """One open connection."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.first = self._out.readline().strip()

    def says(self, line: str) -> str:
        """What comes back: the line itself, or `broken`."""
        try:
            print(line, file=self._in, flush=True)
        except BrokenPipeError:
            return "broken"
        return self._out.readline().strip() or "broken"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()


class StandIn:
    """A namespace with one interface."""

    def __init__(self, name: str, interface: str) -> None:
        self.name = name
        self.interface = interface
        self.addresses: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    @property
    def address(self) -> str:
        """Its first address, without prefix length."""
        return self.addresses[0].partition("/")[0]

    def settle(self, *addresses: str, gateway: str = "", mac: str = "") -> None:
        """Bring the interface in and set it up."""
        self.addresses = list(addresses)
        run("ip", "link", "set", self.interface, "netns", self.name)
        if mac:
            self.ip("link", "set", self.interface, "address", mac)
        self.run("sysctl", "-q", "-w", f"net.ipv6.conf.{self.interface}.accept_dad=0")
        self.run("ethtool", "-K", self.interface, "tx", "off")
        self.ip("link", "set", self.interface, "up")
        for address in addresses:
            self.ip("address", "add", address, "dev", self.interface)
        if gateway:
            self.ip("route", "add", "default", "via", gateway)

    def run(self, *argv: str, check: bool = True) -> str:
        return run("ip", "netns", "exec", self.name, *argv, check=check)

    def ip(self, *argv: str) -> str:
        return run("ip", "-n", self.name, *argv)

    def pings(self, address: str) -> bool:
        argv = ("ip", "netns", "exec", self.name, "ping", "-c", "1", "-W", "1", "-q", address)
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def serve(self, port: int, version: int = 4) -> None:
        """Have an echo server listen."""
        server = self._start(_SERVER, str(port), str(version))
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"

    def keep(self, *words: str) -> None:
        """Have Python do this in it until the end."""
        self.keep_running(sys.executable, *words)

    def keep_running(self, *words: str) -> None:
        """Have a program run in it until the end."""
        argv = ["ip", "netns", "exec", self.name, *words]
        quiet = subprocess.DEVNULL
        self._processes.append(subprocess.Popen(argv, stdout=quiet, stderr=quiet, text=True))

    def connect(self, address: str, port: int, *, timeout: float = 3.0) -> Talk:
        """A connection; its `first` line is `broken` where none came about in `timeout` seconds."""
        return Talk(self._start(_CLIENT, address, str(port), str(timeout)))

    def reaches(self, address: str, port: int, *, timeout: float = 3.0) -> str:
        """As whom it reaches the echo server there; empty when it does not."""
        talk = self.connect(address, port, timeout=timeout)
        talk.close()
        return talk.first.removeprefix("from ").removeprefix("broken")

    def capture(self, *filters: str) -> AbstractContextManager[list[str]]:
        """Every packet that its interface sees meanwhile, a line each; filled in at the end."""
        return capture(self.name, self.interface, *filters)

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        run("ip", "netns", "delete", self.name)

    def _start(self, script: str, *words: str) -> subprocess.Popen[str]:
        argv = ["ip", "netns", "exec", self.name, sys.executable, "-S", "-c", script, *words]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        return process


@contextmanager
def capture(namespace: str, interface: str, *filters: str) -> Iterator[list[str]]:
    """Every packet that an interface sees meanwhile, a line each; filled in at the end."""
    seen: list[str] = []
    argv = ["ip", "netns", "exec", namespace, "tcpdump", "-n", "-l", "-U", "--immediate-mode"]
    process = subprocess.Popen(
        [*argv, "-i", interface, *filters],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while "listening on" not in process.stderr.readline():
        assert process.poll() is None
    yield seen
    process.terminate()
    seen += filter(None, process.communicate()[0].splitlines())


def plug(cloud: Cloud, port_id: str, name: str, *, gateway: str = "") -> StandIn:
    """A namespace in the place of a guest, on a port that is free."""
    view = cloud.ports.show(port_id)
    port = view.port
    with cloud.context.store.read() as session:
        from backends.records import snapshot
        from backends.records.unit import Kind, Unit

        unit = Unit(Kind.NETWORK, port.network_id)
        records = snapshot.read(session, cloud.settings.host, [unit])
    network = records.networks[port.network_id]
    step = AddPort(
        cloud.settings.bridge, port.interface, records.vlans[network.id],
        port_labels(port, cloud.settings), internal=True, mac=port.mac, mtu=network.mtu,
    )  # fmt: skip
    cloud.machine.ovs.apply(step, lambda share: None)
    guest = StandIn(name, port.interface)
    lengths = {each.id: each.cidr.partition("/")[2] for each in records.subnets[network.id]}
    addresses = [f"{address}/{lengths[subnet]}" for subnet, address in view.addresses]
    addresses.sort(key=lambda each: ":" in each)
    guest.settle(*addresses, gateway=gateway)
    return guest


def plug_outside(cloud: Cloud, name: str, address: str, interface: str, vlan: int = 0) -> StandIn:
    """A namespace as a machine on the external bridge, of nobody's cloud; in a VLAN of the wire."""
    bridge = cloud.settings.external_bridge
    tag = [f"tag={vlan}"] if vlan else []
    more = ("--", "set", "Interface", interface, "type=internal")
    run("ovs-vsctl", "add-port", bridge, interface, *tag, *more)
    outside = StandIn(name, interface)
    outside.settle(address)
    return outside
