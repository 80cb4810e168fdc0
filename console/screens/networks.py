"""Networks with their subnets, and inside each its ports and leases."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console import panels
from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.drivers.dnsmasq.facts import Lease
    from backends.records.network import Network
    from backends.services.port import PortView


class Item(NamedTuple):
    """A network, its subnets' ranges, and how many ports it has."""

    network: Network
    ranges: tuple[str, ...]
    ports: int
    project: str


class PortItem(NamedTuple):
    """A port, what it is plugged into, and the lease it holds."""

    view: PortView
    device: str
    lease: Lease | None


def _kind(item: Item) -> str:
    """How it lies, and for whom."""
    network = item.network
    said = ["external" if network.external else "", "shared" if network.shared else ""]
    if network.network_type != "local":
        said.append(f"{network.network_type} {network.segmentation_id or ''}".strip())
    return " ".join(word for word in said if word)


class Networks(TablePanel):
    """The networks the caller may use."""

    slug = "networks"
    heading = "Networks"
    kinds = ("network",)
    noun = "network"
    columns = (
        Column("name", "NAME", lambda i: i.network.name, 16, 40, "N"),
        Column("subnets", "SUBNETS", lambda i: ", ".join(i.ranges), 20, 50, "S"),
        Column("ports", "PORTS", lambda i: str(i.ports), 5, 6, "R", order=lambda i: i.ports,
               right=True),
        Column("mtu", "MTU", lambda i: str(i.network.mtu), 5, 5, "M",
               order=lambda i: i.network.mtu, right=True),
        Column("kind", "KIND", _kind, 13, 24, "K"),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
        Column("age", "AGE", lambda i: words.age(i.network.created_at), 4, 5, "A",
               order=lambda i: -i.network.created_at, right=True),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The network's id."""
        return item.network.id

    def title(self, item: Item) -> str:
        """The network's name."""
        return item.network.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The networks, by name."""
        networks = cloud.networks.list(all_projects=everyone)
        ranges: dict[str, list[str]] = defaultdict(list)
        for subnet in cloud.networks.subnets(all_projects=everyone):
            ranges[subnet.network_id].append(subnet.cidr)
        counts: dict[str, int] = defaultdict(int)
        for view in cloud.ports.list(all_projects=everyone):
            counts[view.port.network_id] += 1
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(each, tuple(ranges[each.id]), counts[each.id], projects.get(each.project_id, ""))
            for each in networks
        ]

    def open(self, item: Item) -> None:
        """Its ports and leases."""
        self.desk.drill(Ports(item.network.id, item.network.name))

    def create_subnet(self) -> None:
        """Open the form for a new subnet of the network under the cursor."""
        chosen = {} if self.item is None else {"network": self.item.network.id}
        self.desk.ask_form("subnet", chosen)

    def subnets(self) -> None:
        """The subnets of the network under the cursor."""
        from console.screens.subnets import Subnets

        if self.item is not None:
            self.desk.drill(Subnets(self.item.network.id, self.item.network.name))

    def routers(self) -> None:
        """The routers."""
        self.desk.drill(panels.make("routers"))

    def floating_ips(self) -> None:
        """The floating IPs."""
        self.desk.drill(panels.make("floating-ips"))

    def security_groups(self) -> None:
        """The security groups."""
        self.desk.drill(panels.make("security-groups"))

    def subnet_pools(self) -> None:
        """The subnet pools."""
        self.desk.drill(panels.make("subnet-pools"))

    def qos_policies(self) -> None:
        """The QoS policies."""
        self.desk.drill(panels.make("qos-policies"))

    def trunks(self) -> None:
        """The trunks."""
        self.desk.drill(panels.make("trunks"))

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("network edit", {"id": self.key(self.item)})


def _lease(item: PortItem) -> str:
    if item.lease is None:
        return ""
    left = item.lease.expires - time.time()
    return "for ever" if not item.lease.expires else f"{max(0, int(left // 60))} min left"


class Ports(TablePanel):
    """The ports of one network."""

    slug = "ports"
    heading = "Ports"
    kinds = ("port",)
    noun = "port"
    topics = frozenset({"records", "switch"})
    columns = (
        Column("address", "ADDRESS", lambda i: ", ".join(a for _, a in i.view.addresses), 15, 42,
               "I"),
        Column("device", "PLUGGED INTO", lambda i: i.device, 16, 40, "D"),
        Column("mac", "MAC", lambda i: i.view.port.mac, 17, 17, "M"),
        Column("lease", "LEASE", _lease, 14, 14, "L"),
        Column("name", "NAME", lambda i: i.view.port.name, 10, 30, "N"),
        Column("groups", "GROUPS", lambda i: ", ".join(i.view.groups), 10, 30, "S"),
        Column("tap", "INTERFACE", lambda i: i.view.port.interface, 14, 14, "T"),
    )  # fmt: skip

    def __init__(self, network_id: str, name: str) -> None:
        super().__init__()
        self._network = network_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The network's name."""
        return self._called

    def key(self, item: PortItem) -> str:
        """The port's id."""
        return item.view.port.id

    def title(self, item: PortItem) -> str:
        """The port's name, or its address."""
        return item.view.port.name or ", ".join(a for _, a in item.view.addresses)

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("port edit", {"id": self.key(self.item)})

    def create(self) -> None:
        """Ask for a new, free port on this network."""
        self.desk.ask_form("port", {"network": self._network})

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The network's ports with what they are plugged into."""
        names = {r.id: r.name for r in cloud.instances.recorded(all_projects=True)}
        names |= {
            each.trunk.id: f"trunk {each.trunk.name}"
            for each in cloud.trunks.list(all_projects=True)
        }
        names |= {r.id: f"router {r.name}" for r in cloud.routers.list(all_projects=True)}
        leases = {
            (each.mac, each.address): each for each in cloud.machine.dnsmasq.leases(self._network)
        }
        items = []
        for view in cloud.ports.list(network=self._network, all_projects=everyone):
            port = view.port
            owner = names.get(port.device_id) or _owner(port.device_owner)
            held = (leases.get((port.mac, address)) for _, address in view.addresses)
            items.append(PortItem(view, owner, next((each for each in held if each), None)))
        return items


def _owner(owner: str) -> str:
    return {
        "network:dhcp": "DHCP server",
        "network:floatingip": "floating IP",
        "network:router_gateway": "a router's gateway",
        "network:router_interface": "a router",
        "": "(free)",
    }.get(owner, owner)
