"""dnsmasq for real, asked by real DHCP clients."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backends.drivers.dnsmasq.config import DhcpHost, DhcpNetwork, DhcpSubnet, build
from backends.drivers.dnsmasq.driver import DnsmasqDriver
from backends.drivers.dnsmasq.facts import Dhcp
from backends.drivers.dnsmasq.steps import ServeDhcp, StopDhcp, digest
from backends.drivers.namespaces.steps import AddNamespace, RemoveNamespace, SetInterface
from backends.drivers.ovs.steps import RemovePort
from backends.errors import MachineFailed
from backends.hosts import LocalHost, Output
from backends.settings import dhcp_namespace
from tests.real.network_drivers.lab import (
    Lab,
    alive,
    eventually,
    run,
)


@dataclass
class Served:
    """A network whose DHCP is served."""

    lab: Lab
    id: str
    network: DhcpNetwork
    subnet: str

    def fact(self) -> Dhcp:
        return self.lab.dnsmasq.facts([self.id])[self.id]

    def step(self, *hosts: DhcpHost, mtu: int = 1450) -> ServeDhcp:
        network = replace(self.network, hosts=hosts, mtu=mtu)
        return ServeDhcp(self.id, dhcp_namespace(self.id), build(network))

    def host(self, mac: str, number: int, name: str = "") -> DhcpHost:
        return DhcpHost(mac, ((self.subnet, f"10.77.0.{number}"),), name)


@pytest.fixture
def served(lab: Lab) -> Served:
    network, subnet = lab.network(), str(uuid.uuid4())
    _, tap, _ = lab.plug(71, "10.77.0.2/24", network=network)
    ranges = (DhcpSubnet(subnet, "10.77.0.0/24", "10.77.0.1"),)
    plan = DhcpNetwork(lab.settings.dhcp(network), tap, 1450, ranges, ())
    return Served(lab, network, plan, subnet)


SCRIPT = """#!/bin/sh
[ "$1" = bound ] && echo "ip=$ip router=$router mtu=$mtu dns=$dns domain=$domain host=$hostname"
exit 0
"""


def _ask(lab: Lab, namespace: str, interface: str) -> str:
    """What a DHCP client is told; empty where nobody answers."""
    script = lab.settings.state / "client"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    options = [
        each for name in ("mtu", "dns", "router", "domain", "hostname") for each in ("-O", name)
    ]
    client = ["busybox", "udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1"]
    return run(
        *("ip", "netns", "exec", namespace, *client, "-i", interface, "-s", str(script), *options),
        check=False,
    ).strip()


def test_a_client_gets_its_lease_and_what_belongs_to_it(served: Served) -> None:
    lab = served.lab
    guest, tap, mac = lab.plug(71)
    step = served.step(served.host(mac, 5, "Web Server"))
    lab.apply(step)
    fact = served.fact()
    assert fact.pid is not None
    assert fact.files == fact.loaded == digest(step.files)
    told = (
        "ip=10.77.0.5 router=10.77.0.1 mtu=1450 dns=10.77.0.2 domain=openstacklocal host=web-server"
    )
    assert _ask(lab, guest, tap) == told
    (lease,) = lab.dnsmasq.leases(served.id)
    assert (lease.mac, lease.address, lease.hostname) == (mac, "10.77.0.5", "web-server")
    assert lease.expires > time.time()
    lab.apply(SetInterface(guest, tap, mac, 1450, frozenset({"10.77.0.5/24"}), checksums=False))
    for name in ("web-server", "web-server.openstacklocal"):
        answer = run(
            "ip", "netns", "exec", guest, "busybox", "nslookup", name, "10.77.0.2", check=False
        )
        assert "10.77.0.5" in answer
    # A second time changes nothing.
    lab.apply(step)
    assert served.fact() == fact
    # Nobody but root and dnsmasq looks into the folder.
    folder = lab.settings.dhcp(served.id)
    assert folder.stat().st_mode & 0o007 == 0
    assert Path(f"/proc/{fact.pid}").stat().st_uid != 0


def test_hosts_come_without_a_restart_and_leases_go_with_theirs(served: Served) -> None:
    lab = served.lab
    guest, tap, mac = lab.plug(71)
    late, late_tap, late_mac = lab.plug(71)
    lab.apply(served.step(served.host(mac, 5)))
    first = served.fact().pid
    assert _ask(lab, late, late_tap) == ""
    lab.apply(served.step(served.host(mac, 5), served.host(late_mac, 6)))
    assert served.fact().pid == first
    assert "ip=10.77.0.6" in _ask(lab, late, late_tap)
    assert "ip=10.77.0.5" in _ask(lab, guest, tap)
    # The first guest goes, and its address is given to the other one.
    step = served.step(served.host(late_mac, 5))
    lab.apply(step)
    assert served.fact().loaded == digest(step.files)
    assert lab.dnsmasq.leases(served.id) == []
    assert "ip=10.77.0.5" in _ask(lab, late, late_tap)
    # A changed configuration restarts, and keeps the lease.
    now = served.fact().pid
    lab.apply(served.step(served.host(late_mac, 5), mtu=1400))
    assert served.fact().pid not in (None, now)
    assert [each.address for each in lab.dnsmasq.leases(served.id)] == ["10.77.0.5"]
    assert "mtu=1400" in _ask(lab, late, late_tap)


def test_a_server_that_died_or_was_left_behind_is_seen_and_replaced(served: Served) -> None:
    lab = served.lab
    step = served.step()
    lab.apply(step)
    pid = served.fact().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: served.fact().pid is None)
    assert served.fact().loaded == ""
    lab.apply(step)
    second = served.fact().pid
    assert second not in (None, pid)
    # The note of what was read is gone, as after a kill between two actions of a step.
    folder = lab.settings.dhcp(served.id)
    (folder / "loaded").unlink()
    assert served.fact().loaded == ""
    lab.apply(step)
    third = served.fact().pid
    assert third not in (None, second)
    # The pid file is gone, as after a kill while dnsmasq started: there is one server still.
    (folder / "pid").unlink()
    assert served.fact().pid is None
    lab.apply(step)
    inside = run("ip", "netns", "pids", dhcp_namespace(served.id)).split()
    assert inside == [str(served.fact().pid)]


def test_a_server_in_a_namespace_that_lost_its_name_serves_nobody(served: Served) -> None:
    lab = served.lab
    name = dhcp_namespace(served.id)
    lab.apply(served.step())
    old = served.fact().pid
    assert old is not None
    lab.apply(RemovePort(served.network.interface), RemoveNamespace(name))
    assert served.fact().pid is None
    lab.apply(AddNamespace(name))
    assert served.fact().pid is None
    lab.apply(served.step())
    assert served.fact().pid not in (None, old)
    assert not alive(old)


def test_dnsmasqs_own_words_reach_the_operator(served: Served) -> None:
    broken = (("dnsmasq.conf", "nonsense\n"), ("hosts", ""), ("options", ""), ("names", ""))
    step = ServeDhcp(served.id, dhcp_namespace(served.id), broken)
    with pytest.raises(MachineFailed, match="bad option") as failed:
        served.lab.apply(step)
    assert failed.value.code == "dhcp.failed"
    assert served.fact().loaded == ""
    assert served.fact().files == digest(broken)


def test_a_stopped_server_leaves_nothing(served: Served) -> None:
    lab = served.lab
    lab.apply(served.step())
    pid = served.fact().pid
    lab.apply(StopDhcp(served.id), StopDhcp(served.id))
    assert pid is not None
    assert not alive(pid)
    assert not lab.settings.dhcp(served.id).exists()
    assert lab.dnsmasq.facts([served.id]) == {}


def test_a_pid_of_another_program_is_not_touched(served: Served) -> None:
    lab = served.lab
    lab.apply(served.step())
    real = served.fact().pid
    assert real is not None
    (lab.settings.dhcp(served.id) / "pid").write_text(f"{os.getpid()}\n")
    assert served.fact().pid is None
    lab.apply(StopDhcp(served.id))
    assert not alive(real)


# A DHCPv6 client's first message (RFC 8415, 16.2), sent from the interface with the MAC given.
SOLICIT = """
import socket, sys
interface, mac = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", ""))
def option(code, data):
    return code.to_bytes(2) + len(data).to_bytes(2) + data
message = (
    b"\\x01qdk" + option(1, b"\\0\\x03\\0\\x01" + mac)
    + option(3, bytes(12)) + option(8, bytes(2))
)
client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
client.bind(("::", 546))
client.settimeout(2)
client.sendto(message, ("ff02::1:2", 547, 0, socket.if_nametoindex(interface)))
print(client.recv(1500).hex())
"""


def test_an_ipv6_address_is_offered(lab: Lab) -> None:
    network, subnet = lab.network(), str(uuid.uuid4())
    _, tap, _ = lab.plug(81, "fd00:77::2/64", network=network)
    guest, guest_tap, mac = lab.plug(81)
    ranges = (DhcpSubnet(subnet, "fd00:77::/64", None, ("fd00:77::53",)),)
    hosts = (DhcpHost(mac, ((subnet, "fd00:77::5"),), "six"),)
    plan = DhcpNetwork(lab.settings.dhcp(network), tap, 1450, ranges, hosts)
    lab.apply(ServeDhcp(network, dhcp_namespace(network), build(plan)))
    ask = ["ip", "netns", "exec", guest, sys.executable, "-c", SOLICIT, guest_tap, mac]

    def offered() -> bool:
        answer = bytes.fromhex(run(*ask, check=False).strip())
        addresses = [socket.inet_pton(socket.AF_INET6, f"fd00:77::{each}") for each in ("5", "53")]
        return all(each in answer for each in addresses)

    assert eventually(offered)


class Killed(BaseException):
    """Stands for kill -9: no handler of ours catches it."""


class DyingHost(LocalHost):
    """A host whose caller is killed before its change number `last` (counted from 0)."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self._left = last

    def _count(self) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 30.0,
        reads: bool = False,
        check: bool = True,
    ) -> Output:
        if not reads:
            self._count()
        return super().run(argv, stdin=stdin, timeout=timeout, reads=reads, check=check)

    def write_text(self, path: Path, text: str, mode: int = 0o600) -> None:
        self._count()
        super().write_text(path, text, mode)

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)


def test_a_kill_at_any_point_is_mended_by_the_next_step(served: Served) -> None:
    lab = served.lab
    guest, tap, mac = lab.plug(71)
    old = served.step(served.host(mac, 5), mtu=1400)
    new = served.step(served.host(mac, 6), mtu=1300)
    for point in range(50):
        lab.apply(old)
        assert "ip=10.77.0.5" in _ask(lab, guest, tap)
        dying = DnsmasqDriver(lab.settings, DyingHost(point))
        try:
            dying.apply(new, lambda share: None)
        except Killed:
            assert served.fact().loaded != digest(new.files)
        else:
            break
        wanted = (old, new)[point % 2]
        lab.apply(wanted)
        fact = served.fact()
        assert fact.files == fact.loaded == digest(wanted.files)
        assert run("ip", "netns", "pids", dhcp_namespace(served.id)).split() == [str(fact.pid)]
        told = ("ip=10.77.0.5", "mtu=1400") if wanted is old else ("ip=10.77.0.6", "mtu=1300")
        answer = _ask(lab, guest, tap)
        assert all(each in answer for each in told), (point, answer)
    assert point > 7
