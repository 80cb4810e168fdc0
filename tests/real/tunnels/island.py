"""Hosts that are namespaces on one wire: each with a switch and a state of its own, one store."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from backends.access import Access
from backends.cloud import Cloud
from backends.destroy import destroy
from backends.init import init
from backends.records.network import Network
from backends.records.unit import Kind, Unit
from backends.services.network import NewSubnet
from backends.services.provider import Provider
from tests.real.firewall.station import Station, inside, namespace_name
from tests.real.lab import run
from tests.real.switch import Switch
from tests.real.tunnels.wire import Wire

T = TypeVar("T")
MTU = 1500  # of the wire


@dataclass
class Island:
    """One host. What the product does there, it does in the host's namespace, by `at`."""

    name: str
    namespace: str
    address: str
    switch: Switch
    access: Access
    cloud: Cloud

    def at(self, act: Callable[[Cloud], T]) -> T:
        """Do something with the cloud on this host."""
        with inside(self.namespace):
            return act(self.cloud)

    def converge(self) -> None:
        """What the agent does when the records changed."""
        self.at(lambda cloud: cloud.drift.repair())

    def planned(self) -> list[str]:
        """What differs here."""
        return self.at(lambda cloud: [step.text for step in cloud.drift.show().plan.steps])

    def dress(self) -> None:
        """Give the host's bridge on the wire its address."""
        six = ":" in self.address
        more = ["nodad"] if six else []
        run("ip", "-n", self.namespace, "address", "replace",
            f"{self.address}/{64 if six else 24}", "dev", "br-phy", *more)  # fmt: skip
        run("ip", "-n", self.namespace, "link", "set", "br-phy", "up")

    @property
    def tunnels(self) -> dict[str, str]:
        """The tunnels' remote addresses by the ports' names, as Open vSwitch has them."""
        bridge = self.cloud.settings.tunnel_bridge
        ports = self.switch.ctl("list-ports", bridge).split()
        return {
            name: self.switch.ctl("get", "Interface", name, "options:remote_ip").strip().strip('"')
            for name in ports
            if name.startswith("vxlan-")
        }


class Sea:
    """Islands on a wire. Nothing of them is left after `close`."""

    def __init__(self, names: str = "abc", *, version: int = 4) -> None:
        self.token = secrets.token_hex(2)
        self.version = version
        self.folder = Path(tempfile.mkdtemp(prefix="quarterdeck-sea-"))
        self.folder.chmod(0o711)  # dnsmasq reads its files as a user of its own
        self.wire_namespace = f"t-wire-{self.token}"
        self.islands: dict[str, Island] = {}
        self.stations: list[Station] = []
        self._switches: list[Switch] = []
        self._namespaces: list[str] = []
        self._cloud = f"t-{secrets.token_hex(3)}"
        self._namespace(self.wire_namespace)
        run("ip", "-n", self.wire_namespace, "link", "add", "wire", "type", "bridge",
            "mcast_snooping", "0")  # fmt: skip
        run("ip", "-n", self.wire_namespace, "link", "set", "wire", "up")
        for number, name in enumerate(names, 1):
            self.islands[name] = self._island(name, number)

    def __getitem__(self, name: str) -> Island:
        return self.islands[name]

    def converge(self) -> None:
        """All hosts."""
        for island in self.islands.values():
            island.converge()

    def network(self, cidr: str = "10.9.0.0/24", *, dhcp: bool = False, home: str = "a") -> Network:
        """A new network between hosts, made on this one; with an IPv6 range as well."""
        name = f"n{secrets.token_hex(3)}"

        def make(cloud: Cloud) -> Network:
            row = cloud.networks.create(name, provider=Provider("vxlan"))
            for each in (cidr, "fd09::/64"):
                asked = dhcp and ":" not in each
                cloud.networks.create_subnet(NewSubnet(row.id, each, gateway="none", dhcp=asked))
            return row

        return self[home].at(make)

    def station(self, island: str, network: Network, *groups: str, plug: bool = True) -> Station:
        """A guest's stand-in on this host; other hosts know of it when they converge."""
        host = self[island]

        def make(cloud: Cloud) -> Station:
            port = cloud.ports.create(network.id, groups=groups or None, host=host.name)
            found = [address for _, address in cloud.ports.show(port.id).addresses]
            v4 = next(each for each in found if "." in each)
            v6 = next(each for each in found if ":" in each)
            station = Station(cloud, port, v4, v6, namespace_name(), mtu=network.mtu)
            if plug:
                station.plug()
            return station

        made = host.at(make)
        self.stations.append(made)
        return made

    def filter(self) -> None:
        """Have every host write the flows of what was plugged by hand."""
        for island in self.islands.values():
            unit = Unit(Kind.FIREWALL, island.name)
            island.at(lambda cloud, unit=unit: cloud.context.converge("test", [unit]))

    def meet(self) -> None:
        """Have each host know the others' MACs on the wire.

        The userspace datapath asks for one when the first packet goes there, and drops that.
        """
        network = self.network()
        guests = [self.station(each, network, "default") for each in self.islands]
        self.converge()
        for one in guests:
            for other in guests:
                assert one is other or one.pings(other.v4)
        self.clear()

    def clear(self) -> None:
        """Take guests and networks away, as a test leaves them."""
        homes = {each.cloud.settings.host: each for each in self.islands.values()}
        for station in self.stations:
            island = homes[station.cloud.settings.host]
            with inside(island.namespace):
                station.unplug()
                station.cloud.ports.delete(station.port.id)
        self.stations.clear()
        for island in self.islands.values():
            mine = island.at(_own_networks)
            if mine:
                # A port's row goes when the network's own host has converged.
                units = [Unit(Kind.NETWORK, id_) for id_ in mine]
                island.at(lambda cloud, units=units: cloud.context.converge("test", units))
            for id_ in mine:
                island.at(lambda cloud, id_=id_: cloud.networks.delete(id_))

    @contextmanager
    def watched(self, island: str) -> Iterator[Wire]:
        """All that goes over the wire to and from this host meanwhile."""
        with inside(self.wire_namespace):
            wire = Wire(f"to-{island}")
        try:
            yield wire
        finally:
            wire.close()

    def close(self) -> None:
        try:
            self.clear()
        finally:
            for island in self.islands.values():
                island.cloud.close()
                with inside(island.namespace):
                    destroy(island.access)
            for switch in self._switches:
                switch.close()
            for name in self._namespaces:
                run("ip", "netns", "del", name)
            shutil.rmtree(self.folder)

    def _namespace(self, name: str) -> None:
        run("ip", "netns", "add", name)
        self._namespaces.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def _island(self, name: str, number: int) -> Island:
        namespace = f"t-{name}-{self.token}"
        self._namespace(namespace)
        address = f"fd20::{number}" if self.version == 6 else f"10.200.0.{number}"
        far = f"to-{name}"
        run("ip", "-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", far,
            "netns", self.wire_namespace)  # fmt: skip
        for where, link in ((self.wire_namespace, far), (namespace, "eth0")):
            run("ip", "-n", where, "link", "set", link, "mtu", str(MTU), "up")
        run("ip", "-n", self.wire_namespace, "link", "set", far, "master", "wire")
        switch = Switch(namespace)
        self._switches.append(switch)
        switch.start()
        # The userspace datapath tunnels by its own bridges alone.
        switch.ctl("add-br", "br-phy", "--", "set", "Bridge", "br-phy", "datapath_type=netdev",
                   "--", "add-port", "br-phy", "eth0")  # fmt: skip
        access = Access(
            cloud=self._cloud, host=f"host-{name}", store=str(self.folder / "store.db"),
            ovs_run=switch.run,
        )  # fmt: skip
        access = replace(
            access, state_root=self.folder / name / "state", run_root=self.folder / name / "run"
        )
        with inside(namespace):
            assert init(access)
            cloud = Cloud.open(access)
        made = Island(access.host, namespace, address, switch, access, cloud)
        made.dress()
        made.at(lambda cloud: cloud.hosts.set(access.host, tunnel_address=address))
        return made


def _own_networks(cloud: Cloud) -> list[str]:
    rows = cloud.networks.list(all_projects=True)
    return [row.id for row in rows if row.host == cloud.settings.host]
