"""Open vSwitch, namespaces and dnsmasq for real, in a cloud and on a bridge of the test's own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends.drivers.dnsmasq.config import DhcpHost, DhcpNetwork, DhcpSubnet, build
from backends.drivers.dnsmasq.driver import DnsmasqDriver
from backends.drivers.dnsmasq.facts import Dhcp
from backends.drivers.dnsmasq.steps import ServeDhcp, StopDhcp, digest
from backends.drivers.namespaces.driver import NamespaceDriver
from backends.drivers.namespaces.facts import Interface
from backends.drivers.namespaces.steps import AddNamespace, RemoveNamespace, SetInterface
from backends.drivers.ovs.driver import OvsDriver
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, KIND, RECORD
from backends.drivers.ovs.ovsdb import Ovsdb
from backends.drivers.ovs.steps import AddBridge, AddPort, RemoveBridge, RemovePort, WriteFlows
from backends.drivers.ovs.watch import watch
from backends.drivers.step import Step
from backends.errors import MachineFailed, Refused
from backends.hosts import LocalHost
from backends.settings import Settings, dhcp_namespace

DEADLINE = 20.0


def run(*argv: str, check: bool = True) -> str:
    """What a command of the machine prints."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and is not yet reaped has no command line."""
    cmdline = Path(f"/proc/{pid}/cmdline")
    return cmdline.exists() and cmdline.read_bytes() != b""


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


@dataclass
class Lab:
    """A cloud of its own, its drivers, and what is to be taken away by name at the end."""

    settings: Settings
    ovs: OvsDriver
    namespaces: NamespaceDriver
    dnsmasq: DnsmasqDriver
    networks: list[str] = field(default_factory=list)

    def apply(self, *steps: Step) -> None:
        for step in steps:
            driver = next(
                each
                for each in (self.ovs, self.namespaces, self.dnsmasq)
                if isinstance(step, each.handles)
            )
            driver.apply(step, lambda share: None)

    def labels(self, record: str) -> tuple[tuple[str, str], ...]:
        return ((CLOUD, self.settings.cloud), (KIND, "port"), (RECORD, record), (IFACE_ID, record))

    def network(self) -> str:
        """The id of a new network, whose namespace goes at the end."""
        self.networks.append(str(uuid.uuid4()))
        return self.networks[-1]

    def plug(self, vlan: int, address: str = "", *, network: str = "") -> tuple[str, str, str]:
        """An internal port in a namespace of its own: (namespace, interface, MAC)."""
        namespace = dhcp_namespace(network or self.network())
        record = str(uuid.uuid4())
        mac = "fa:16:3e:" + ":".join(secrets.token_hex(1) for _ in range(3))
        name = f"tap{record[:11]}"
        self.apply(
            AddNamespace(namespace),
            AddPort(
                self.settings.bridge,
                name,
                vlan,
                self.labels(record),
                internal=True,
                mac=mac,
                mtu=1450,
            ),
            SetInterface(
                namespace,
                name,
                mac,
                1450,
                frozenset([address] if address else []),
                checksums=False,
            ),
        )
        return namespace, name, mac


@pytest.fixture
def settings() -> Iterator[Settings]:
    # dnsmasq gives up root: it must be able to reach its files, as below /var/lib.
    folder = Path(tempfile.mkdtemp(prefix="qd-net-"))
    folder.chmod(0o711)
    suffix = secrets.token_hex(2)
    yield Settings(
        f"t-{suffix}",
        folder / "state",
        folder / "run",
        os.uname().nodename,
        bridge=f"br-{suffix}",
    )
    shutil.rmtree(folder)


@pytest.fixture
def empty(settings: Settings) -> Iterator[Lab]:
    """A cloud without a bridge."""
    host = LocalHost()
    lab = Lab(
        settings,
        OvsDriver(settings, host),
        NamespaceDriver(settings, host),
        DnsmasqDriver(settings, host),
    )
    yield lab
    lab.apply(*(StopDhcp(each) for each in lab.networks))
    facts = lab.ovs.facts()
    ours = settings.cloud
    lab.apply(*(RemovePort(p.name) for p in facts.ports.values() if p.labels.get(CLOUD) == ours))
    lab.apply(
        *(RemoveBridge(b.name) for b in facts.bridges.values() if b.labels.get(CLOUD) == ours)
    )
    lab.apply(*(RemoveNamespace(dhcp_namespace(each)) for each in lab.networks))
    assert lab.namespaces.facts([dhcp_namespace(each) for each in lab.networks]) == {}


@pytest.fixture
def lab(empty: Lab) -> Lab:
    """A cloud with its bridge, which switches as a plain one does."""
    add = AddBridge(empty.settings.bridge, "netdev", ((CLOUD, empty.settings.cloud),))
    empty.apply(add, WriteFlows(empty.settings.bridge, 0x10, ("table=0,actions=NORMAL",)))
    return empty


@pytest.fixture
def stranger() -> Iterator[str]:
    """A bridge that somebody else made."""
    name = f"br-s{secrets.token_hex(2)}"
    run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
    yield name
    run("ovs-vsctl", "--if-exists", "del-br", name)


def _pings(namespace: str, address: str) -> bool:
    return succeeds("ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "1", "-q", address)


def test_ports_of_a_vlan_see_each_other_and_no_other(lab: Lab) -> None:
    first, tap, _ = lab.plug(11, "10.66.0.1/24")
    second, _, _ = lab.plug(11, "10.66.0.2/24")
    third, _, _ = lab.plug(12, "10.66.0.3/24")
    assert eventually(lambda: _pings(first, "10.66.0.2"))
    assert _pings(second, "10.66.0.1")
    assert not _pings(first, "10.66.0.3")
    assert not _pings(third, "10.66.0.1")
    lab.apply(replace_port(lab, tap, 12))
    assert eventually(lambda: _pings(third, "10.66.0.1"))
    assert not _pings(second, "10.66.0.1")


def replace_port(lab: Lab, name: str, vlan: int) -> AddPort:
    port = lab.ovs.facts().ports[name]
    return AddPort(port.bridge, name, vlan, tuple(port.labels.items()), internal=True)


def test_facts_tell_what_was_made_and_a_second_time_changes_nothing(lab: Lab) -> None:
    bridge = lab.settings.bridge
    namespace, tap, mac = lab.plug(21, "10.66.1.1/24")
    facts = lab.ovs.facts(flows=True)
    assert facts.bridges[bridge].flows == 0x10
    assert facts.bridges[bridge].fail_mode == "secure"
    assert facts.bridges[bridge].datapath == "netdev"
    port = facts.ports[tap]
    assert (port.bridge, port.vlan, port.internal, port.error) == (bridge, 21, True, "")
    assert port.ofport > 0
    assert port.labels[CLOUD] == lab.settings.cloud
    found = lab.namespaces.facts([namespace, "qdhcp-none"])[namespace]
    assert found.interface(tap) == Interface(tap, mac, 1450, True, frozenset({"10.66.1.1/24"}))

    before = _sequence()
    lab.apply(
        AddBridge(bridge, "netdev", ((CLOUD, lab.settings.cloud),)),
        AddNamespace(namespace),
        AddPort(bridge, tap, 21, tuple(port.labels.items()), internal=True, mac=mac, mtu=1450),
        SetInterface(namespace, tap, mac, 1450, frozenset({"10.66.1.1/24"}), checksums=False),
    )
    assert lab.ovs.facts(flows=True) == facts
    assert lab.namespaces.facts([namespace])[namespace] == found
    assert _sequence() == before


def _sequence() -> str:
    """How often Open vSwitch was configured anew."""
    return run("ovs-vsctl", "get", "Open_vSwitch", ".", "next_cfg")


def test_an_interface_has_exactly_the_wanted_addresses_and_no_offload(lab: Lab) -> None:
    namespace, tap, mac = lab.plug(31, "10.66.2.1/24")
    inside = ["ip", "netns", "exec", namespace]
    run(*inside, "ip", "address", "add", "10.66.2.9/24", "dev", tap)
    wanted = frozenset({"10.66.2.2/24", "fd00:66::2/64", "169.254.169.254/32"})
    lab.apply(SetInterface(namespace, tap, mac, 1400, wanted, checksums=False))
    assert lab.namespaces.facts([namespace])[namespace].interface(tap) == Interface(
        tap, mac, 1400, True, wanted
    )
    assert "tx-checksumming: off" in run(*inside, "ethtool", "-k", tap)
    sysctl = run(*inside, "cat", f"/proc/sys/net/ipv6/conf/{tap}/accept_ra")
    assert sysctl.strip() == "0"
    shown = json.loads(run(*inside, "ip", "-j", "address", "show", "dev", tap))
    assert not any(each.get("tentative") for each in shown[0]["addr_info"])


def test_a_namespace_half_made_is_made_whole(empty: Lab) -> None:
    name = dhcp_namespace(empty.network())
    leftover = Path("/var/run/netns") / name
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch(mode=0)
    assert empty.namespaces.facts([name]) == {}
    empty.apply(AddNamespace(name))
    lo = empty.namespaces.facts([name])[name].interface("lo")
    assert lo is not None
    assert lo.up
    with pytest.raises(MachineFailed) as missing:
        empty.apply(SetInterface(name, "nosuch0", "fa:16:3e:00:00:01", 1450, frozenset()))
    assert missing.value.code == "namespace.interface.missing"


def test_new_flows_replace_old_ones_and_cut_nothing(lab: Lab) -> None:
    bridge = lab.settings.bridge
    first, _, _ = lab.plug(41, "10.66.3.1/24")
    lab.plug(41, "10.66.3.2/24")
    assert eventually(lambda: _pings(first, "10.66.3.2"))
    ping = subprocess.Popen(
        ["ip", "netns", "exec", first, "ping", "-i", "0.01", "-c", "200", "-q", "10.66.3.2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    run("ovs-ofctl", "-O", "OpenFlow14", "add-flow", bridge, "table=9,priority=3,actions=drop")
    for cookie in range(0x20, 0x28):
        flows = ("table=0,priority=1,actions=NORMAL", f"table=5,priority={cookie},actions=drop")
        lab.apply(WriteFlows(bridge, cookie, flows), WriteFlows(bridge, cookie, flows))
        assert lab.ovs.facts(flows=True).bridges[bridge].flows == cookie
    dump = run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", bridge)
    assert sorted(line.strip() for line in dump.splitlines()) == [
        "cookie=0x27, priority=1 actions=NORMAL",
        "cookie=0x27, table=23, priority=0 actions=drop",
        "cookie=0x27, table=5, priority=39 actions=drop",
    ]
    assert " 0% packet loss" in ping.communicate(timeout=60)[0]


def test_a_bad_flow_is_refused_whole(lab: Lab) -> None:
    bridge = lab.settings.bridge
    with pytest.raises(MachineFailed, match="FOO") as refused:
        lab.apply(WriteFlows(bridge, 0x11, ("table=1,actions=drop", "table=2,actions=FOO")))
    assert refused.value.code == "ovs.flows.refused"
    assert lab.ovs.facts(flows=True).bridges[bridge].flows == 0x10
    run("ovs-ofctl", "-O", "OpenFlow14", "del-flows", bridge)
    assert lab.ovs.facts(flows=True).bridges[bridge].flows == 0


def test_what_a_stranger_has_is_refused_and_unchanged(lab: Lab, stranger: str) -> None:
    theirs = f"tap{secrets.token_hex(4)}"
    run(
        "ovs-vsctl", "add-port", stranger, theirs, "--", "set", "interface", theirs, "type=internal"
    )
    before = run("ovs-vsctl", "list", "bridge", stranger) + run("ovs-vsctl", "list", "port", theirs)
    ours = lab.labels(str(uuid.uuid4()))
    steps: list[Step] = [
        AddBridge(stranger, "netdev", ours),
        RemoveBridge(stranger),
        AddPort(stranger, f"tap{secrets.token_hex(4)}", 5, ours, internal=True),
        AddPort(lab.settings.bridge, theirs, 5, ours, internal=True),
        RemovePort(theirs),
        RemovePort(stranger),
        WriteFlows(stranger, 1, ("actions=drop",)),
    ]
    for step in steps:
        with pytest.raises(Refused) as refused:
            lab.apply(step)
        assert refused.value.code == "ovs.foreign", step
    after = run("ovs-vsctl", "list", "bridge", stranger) + run("ovs-vsctl", "list", "port", theirs)
    assert after == before


def test_a_strangers_port_on_our_bridge_keeps_the_bridge(lab: Lab) -> None:
    theirs = f"tap{secrets.token_hex(4)}"
    bridge = lab.settings.bridge
    run("ovs-vsctl", "add-port", bridge, theirs, "--", "set", "interface", theirs, "type=internal")
    with pytest.raises(Refused, match=theirs) as refused:
        lab.apply(RemoveBridge(bridge))
    assert refused.value.code == "ovs.foreign"
    run("ovs-vsctl", "del-port", theirs)


def test_what_libvirt_plugged_is_taken_over(lab: Lab) -> None:
    record, name = str(uuid.uuid4()), f"tap{secrets.token_hex(4)}"
    bridge = lab.settings.bridge
    plugged = f"external_ids={{iface-id={record},vm-uuid=v,iface-status=active}}"
    port_row = ["--", "set", "interface", name, "type=internal", plugged]
    run("ovs-vsctl", "add-port", bridge, name, *port_row)
    with pytest.raises(Refused):
        lab.apply(AddPort(bridge, name, 7, lab.labels(str(uuid.uuid4())), internal=True))
    lab.apply(AddPort(bridge, name, 7, lab.labels(record), internal=True))
    port = lab.ovs.facts().ports[name]
    assert port.vlan == 7
    assert port.labels == {"vm-uuid": "v", "iface-status": "active", **dict(lab.labels(record))}
    lab.apply(RemovePort(name), RemovePort(name))
    assert name not in lab.ovs.facts().ports


def test_a_port_that_cannot_be_made_is_told(lab: Lab) -> None:
    with pytest.raises(MachineFailed) as failed:
        lab.apply(AddPort(lab.settings.bridge, "lo", 7, lab.labels("x"), internal=True))
    assert failed.value.code == "ovs.port.failed"
    with pytest.raises(MachineFailed) as missing:
        lab.apply(AddPort("br-none", "tapx", 7, lab.labels("x"), internal=True))
    assert missing.value.code == "ovs.bridge.missing"


def test_the_bridge_goes_with_its_ports_and_links(lab: Lab) -> None:
    _, tap, _ = lab.plug(51)
    name = f"tap{secrets.token_hex(4)}"
    lab.apply(AddPort(lab.settings.bridge, name, 51, lab.labels("r"), internal=True))
    assert (Path("/sys/class/net") / name).exists()
    lab.apply(RemoveBridge(lab.settings.bridge), RemoveBridge(lab.settings.bridge))
    facts = lab.ovs.facts(flows=True)
    assert lab.settings.bridge not in facts.bridges
    assert not {tap, name, lab.settings.bridge} & set(facts.ports)
    assert not (Path("/sys/class/net") / name).exists()


def test_a_read_only_driver_reads_and_changes_nothing(lab: Lab) -> None:
    host = LocalHost(read_only=True)
    ovs = OvsDriver(lab.settings, host)
    assert ovs.facts(flows=True) == lab.ovs.facts(flows=True)
    before = _sequence()
    for step in (
        AddPort(lab.settings.bridge, "tapx", 1, (), internal=True),
        RemoveBridge(lab.settings.bridge),
        WriteFlows(lab.settings.bridge, 1, ()),
    ):
        with pytest.raises(Refused) as refused:
            ovs.apply(step, lambda share: None)
        assert refused.value.code == "host.readonly"
    assert _sequence() == before


def test_changes_are_told_as_they_happen(lab: Lab) -> None:
    seen: list[frozenset[str]] = []
    stop, ready = threading.Event(), threading.Event()

    def note(names: frozenset[str]) -> None:
        seen.append(names)
        ready.set()

    thread = threading.Thread(target=watch, args=(lab.settings, note, stop))
    thread.start()
    try:
        assert ready.wait(DEADLINE)
        assert seen[0] == frozenset()
        name = f"tap{secrets.token_hex(4)}"
        lab.apply(AddPort(lab.settings.bridge, name, 61, lab.labels("r"), internal=True))
        assert eventually(lambda: any(name in names for names in seen))
        seen.clear()
        lab.apply(RemovePort(name))
        assert eventually(lambda: any(name in names for names in seen))
    finally:
        stop.set()
        thread.join(DEADLINE)
    assert not thread.is_alive()


@dataclass
class Served:
    """A network whose DHCP is served."""

    lab: Lab
    id: str
    network: DhcpNetwork
    subnet: str

    @property
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
    fact = served.fact
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
    assert served.fact == fact
    # Nobody but root and dnsmasq looks into the folder.
    folder = lab.settings.dhcp(served.id)
    assert folder.stat().st_mode & 0o007 == 0
    assert Path(f"/proc/{fact.pid}").stat().st_uid != 0


def test_hosts_come_without_a_restart_and_leases_go_with_theirs(served: Served) -> None:
    lab = served.lab
    guest, tap, mac = lab.plug(71)
    late, late_tap, late_mac = lab.plug(71)
    lab.apply(served.step(served.host(mac, 5)))
    first = served.fact.pid
    assert _ask(lab, late, late_tap) == ""
    lab.apply(served.step(served.host(mac, 5), served.host(late_mac, 6)))
    assert served.fact.pid == first
    assert "ip=10.77.0.6" in _ask(lab, late, late_tap)
    assert "ip=10.77.0.5" in _ask(lab, guest, tap)
    # The first guest goes, and its address is given to the other one.
    step = served.step(served.host(late_mac, 5))
    lab.apply(step)
    assert served.fact.loaded == digest(step.files)
    assert lab.dnsmasq.leases(served.id) == []
    assert "ip=10.77.0.5" in _ask(lab, late, late_tap)
    # A changed configuration restarts, and keeps the lease.
    now = served.fact.pid
    lab.apply(served.step(served.host(late_mac, 5), mtu=1400))
    assert served.fact.pid not in (None, now)
    assert [each.address for each in lab.dnsmasq.leases(served.id)] == ["10.77.0.5"]
    assert "mtu=1400" in _ask(lab, late, late_tap)


def test_a_server_that_died_or_was_left_behind_is_seen_and_replaced(served: Served) -> None:
    lab = served.lab
    step = served.step()
    lab.apply(step)
    pid = served.fact.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: served.fact.pid is None)
    assert served.fact.loaded == ""
    lab.apply(step)
    second = served.fact.pid
    assert second not in (None, pid)
    # The note of what was read is gone, as after a kill between two actions of a step.
    folder = lab.settings.dhcp(served.id)
    (folder / "loaded").unlink()
    assert served.fact.loaded == ""
    lab.apply(step)
    third = served.fact.pid
    assert third not in (None, second)
    # The pid file is gone, as after a kill while dnsmasq started: there is one server still.
    (folder / "pid").unlink()
    assert served.fact.pid is None
    lab.apply(step)
    inside = run("ip", "netns", "pids", dhcp_namespace(served.id)).split()
    assert inside == [str(served.fact.pid)]


def test_a_server_in_a_namespace_that_lost_its_name_serves_nobody(served: Served) -> None:
    lab = served.lab
    name = dhcp_namespace(served.id)
    lab.apply(served.step())
    old = served.fact.pid
    assert old is not None
    lab.apply(RemovePort(served.network.interface), RemoveNamespace(name))
    assert served.fact.pid is None
    lab.apply(AddNamespace(name))
    assert served.fact.pid is None
    lab.apply(served.step())
    assert served.fact.pid not in (None, old)
    assert not alive(old)


def test_dnsmasqs_own_words_reach_the_operator(served: Served) -> None:
    broken = (("dnsmasq.conf", "nonsense\n"), ("hosts", ""), ("options", ""), ("names", ""))
    step = ServeDhcp(served.id, dhcp_namespace(served.id), broken)
    with pytest.raises(MachineFailed, match="bad option") as failed:
        served.lab.apply(step)
    assert failed.value.code == "dhcp.failed"
    assert served.fact.loaded == ""
    assert served.fact.files == digest(broken)


def test_a_stopped_server_leaves_nothing(served: Served) -> None:
    lab = served.lab
    lab.apply(served.step())
    pid = served.fact.pid
    lab.apply(StopDhcp(served.id), StopDhcp(served.id))
    assert pid is not None
    assert not alive(pid)
    assert not lab.settings.dhcp(served.id).exists()
    assert lab.dnsmasq.facts([served.id]) == {}


def test_a_pid_of_another_program_is_not_touched(served: Served) -> None:
    lab = served.lab
    lab.apply(served.step())
    real = served.fact.pid
    assert real is not None
    (lab.settings.dhcp(served.id) / "pid").write_text(f"{os.getpid()}\n")
    assert served.fact.pid is None
    lab.apply(StopDhcp(served.id))
    assert not alive(real)


def test_an_ipv6_subnet_is_served(lab: Lab) -> None:
    network, subnet = lab.network(), str(uuid.uuid4())
    _, tap, _ = lab.plug(81, "fd00:77::2/64", network=network)
    ranges = (DhcpSubnet(subnet, "fd00:77::/64", None, ("fd00:77::53",)),)
    hosts = (DhcpHost("fa:16:3e:00:00:01", ((subnet, "fd00:77::5"),), "six"),)
    plan = DhcpNetwork(lab.settings.dhcp(network), tap, 1450, ranges, hosts)
    lab.apply(ServeDhcp(network, dhcp_namespace(network), build(plan)))
    sockets = run("ip", "netns", "exec", dhcp_namespace(network), "ss", "-Hlun6")
    assert ":547 " in sockets


def test_facts_of_a_thousand_ports_are_quick(lab: Lab) -> None:
    record = lab.labels("r")
    bulk = [f"b{secrets.token_hex(4)}{each:04d}" for each in range(1000)]
    labels = ["map", [list(pair) for pair in record]]
    operations = []
    for index, name in enumerate(bulk):
        interface, port = f"i{index}", f"p{index}"
        operations += [
            {"op": "insert", "table": "Interface", "uuid-name": interface,
             "row": {"name": name, "external_ids": labels}},
            {"op": "insert", "table": "Port", "uuid-name": port,
             "row": {"name": name, "tag": 9, "interfaces": ["named-uuid", interface]}},
        ]  # fmt: skip
    ports = ["set", [["named-uuid", f"p{index}"] for index in range(1000)]]
    operations.append(
        {"op": "mutate", "table": "Bridge", "where": [["name", "==", lab.settings.bridge]],
         "mutations": [["ports", "insert", ports]]}
    )  # fmt: skip
    Ovsdb().transact(operations)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        facts = lab.ovs.facts()
        took.append(time.perf_counter() - start)
    assert sum(port.vlan == 9 for port in facts.ports.values()) >= 1000
    assert min(took) < 0.2, took
    lab.apply(RemoveBridge(lab.settings.bridge))
