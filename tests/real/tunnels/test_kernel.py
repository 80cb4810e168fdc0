"""A lab node with the kernel's datapath as the other host: its switch driven from here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.drivers.ovs.steps import AddPort
from backends.init import init
from backends.plan.inner import port_labels
from backends.records import snapshot
from backends.records.host import HostRecord
from backends.records.network import Network, Port
from backends.records.unit import Kind, Unit
from backends.services.security_group import NewRule
from tests.real.firewall.station import SHORT
from tests.real.lab import eventually, run
from tests.real.node.fixtures import NewNode
from tests.real.node.node import Node
from tests.real.node.underlay import Underlay
from tests.real.tunnels.island import MTU, Sea

_RUN = "/var/run/openvswitch"
_ADDRESS = "10.200.0.50"


@dataclass
class Ashore:
    """The node as a host of the cloud: its switch's sockets lead here, its guests are its own."""

    node: Node
    cloud: Cloud

    def converge(self) -> None:
        units = [Unit(kind, "host-node") for kind in (Kind.HOST, Kind.FIREWALL)]
        self.cloud.context.converge("test", units)

    def guest(self, network: Network) -> tuple[Port, str]:
        """A namespace in the node on a new port; its name and address."""
        port = self.cloud.ports.create(network.id, host="host-node")
        found = [address for _, address in self.cloud.ports.show(port.id).addresses]
        settings = self.cloud.settings
        with self.cloud.context.store.read() as session:
            records = snapshot.read(session, "host-node", [Unit(Kind.NETWORK, network.id)])
        self.cloud.machine.apply(
            AddPort(
                settings.bridge, port.interface, records.vlans[network.id],
                port_labels(port, settings), internal=True, mac=port.mac, mtu=network.mtu,
            ),
            lambda share: None,
        )  # fmt: skip
        address = next(each for each in found if "." in each)
        name, run_in = port.interface, self.node.run
        run_in("ip", "netns", "add", "guest")
        run_in("ip", "link", "set", name, "netns", "guest")
        run_in("ip", "-n", "guest", "link", "set", name, "address", port.mac, "mtu",
               str(network.mtu), "up")  # fmt: skip
        run_in("ip", "-n", "guest", "address", "add", f"{address}/24", "dev", name)
        return port, address

    def pings(self, address: str, size: int = 84) -> bool:
        argv = ("ip", "netns", "exec", "guest", "ping", "-c", "1", "-W", "2", "-M", "do",
                "-s", str(size - 28), address)  # fmt: skip
        return self.node.attempt(*argv).returncode == 0


@pytest.fixture
def sea() -> Iterator[Sea]:
    made = Sea("a")
    yield made
    made.close()


@pytest.fixture
def ashore(
    sea: Sea, new_node: NewNode, underlay: Underlay, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ashore]:
    node = new_node(memory=256, cpus=1, disks=())
    node.run("modprobe", "openvswitch")
    node.run("modprobe", "vport-vxlan")
    node.run("/usr/share/openvswitch/scripts/ovs-ctl", "start", "--system-id=random")
    node.run("ip", "address", "add", f"{_ADDRESS}/24", "dev", "eth0")
    # One wire: the nodes' bridge and the islands'.
    end = f"to-{sea.token}"
    run("ip", "link", "add", end, "type", "veth", "peer", "name", "shore", "netns",
        sea.wire_namespace)  # fmt: skip
    run("ip", "link", "set", end, "master", underlay.bridge, "up")
    run("ip", "-n", sea.wire_namespace, "link", "set", "shore", "master", "wire", "up")
    settings = sea["a"].cloud.settings
    pid = node.run("cat", f"{_RUN}/ovs-vswitchd.pid").strip()
    names = ("db.sock", f"ovs-vswitchd.{pid}.ctl",
             *(f"{each}.mgmt" for each in (settings.bridge, settings.tunnel_bridge)))  # fmt: skip
    with ExitStack() as done, tempfile.TemporaryDirectory(prefix="quarterdeck-node-") as folder:
        here = Path(folder)
        (here / "ovs-vswitchd.pid").write_text(pid)
        way = node.lead({here / name: f"{_RUN}/{name}" for name in names})
        done.callback(way.wait)
        done.callback(way.kill)
        monkeypatch.setattr("backends.place.datapath", lambda: "system")
        access = replace(
            sea["a"].access, host="host-node", ovs_run=here, state_root=here, run_root=here / "run"
        )
        assert init(access)
        cloud = Cloud.open(access)
        done.callback(cloud.close)
        with cloud.context.store.write() as session:
            # What `host set` does on the host itself, which has no library.
            row = session.get_one(HostRecord, "host-node")
            row.tunnel_address, row.underlay_mtu = _ADDRESS, MTU
        yield Ashore(node, cloud)
        # A test that failed half way left its guest; the networks of the others go after this.
        for port in cloud.ports.list(all_projects=True):
            if port.host == access.host:
                cloud.ports.delete(port.id)


@pytest.mark.long
@pytest.mark.vast
def test_a_host_with_the_kernels_datapath_takes_part(sea: Sea, ashore: Ashore) -> None:
    network = sea.network()
    assert network.mtu == MTU - 50
    here = sea.station("a", network, "default")
    port, there = ashore.guest(network)
    sea.converge()
    ashore.converge()
    assert "system" in ashore.node.run(
        "ovs-vsctl", "get", "Bridge", ashore.cloud.settings.tunnel_bridge, "datapath_type"
    )
    eventually(lambda: ashore.pings(here.v4), "the way to the host with the userspace datapath")
    assert here.pings(there)
    with sea.watched("a") as wire:
        assert "1 received" in here.asks(there, network.mtu)
        assert "message too long" in here.asks(there, network.mtu + 1).lower()
        assert ashore.pings(here.v4, network.mtu)
        assert not ashore.pings(here.v4, network.mtu + 1)
        full = [each for each in wire.tunnelled if each.size == MTU]
        # Both questions and both answers, whole.
        assert len(full) == 4
        assert not [each for each in wire.packets if each.part or each.size > MTU]
    # A group that lets nobody in holds in the kernel too.
    host = sea["a"]
    host.at(lambda cloud: cloud.security_groups.create("quiet"))
    host.at(lambda cloud: cloud.security_groups.add_rule(NewRule("quiet", protocol="tcp")))
    ashore.cloud.ports.set(port.id, groups=["quiet"])
    ashore.converge()
    assert not here.pings(there, wait=SHORT)
    ashore.cloud.ports.set(port.id, groups=["default"])
    ashore.converge()
    assert here.pings(there)
    # What somebody breaks in the node is put back.
    ashore.node.run("ovs-vsctl", "del-br", ashore.cloud.settings.tunnel_bridge)
    assert not here.pings(there, wait=SHORT)
    ashore.converge()
    assert here.pings(there)
