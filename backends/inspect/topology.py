"""The topology: networks, and the routers and instances that hang on them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backends.inspect.instance_row import InstanceRow
from backends.records.network import (
    OWNER_DHCP,
    OWNER_GATEWAY,
    OWNER_INSTANCE,
    OWNER_ROUTER,
    Network,
    Subnet,
)
from backends.records.router import FloatingIp, Router
from backends.services.port import PortView
from backends.services.trunk import TrunkView

NETWORK, ROUTER, INSTANCE = "network", "router", "instance"
_DEVICES = {OWNER_INSTANCE: INSTANCE, OWNER_ROUTER: ROUTER, OWNER_GATEWAY: ROUTER}
_TONES = {"ACTIVE": "good", "SHUTOFF": "dim", "BUILD": "warn", "DELETING": "warn"}


@dataclass(frozen=True, slots=True)
class Node:
    """A network (an `external` one leads out), a router or an instance.

    `tone` is `good`, `dim`, `warn`, `bad` or empty; `notes` are lines that say more; `differs` says
    that the machine is not as the record says.
    """

    kind: str
    id: str
    name: str
    project_id: str
    status: str = ""
    tone: str = ""
    notes: tuple[str, ...] = ()
    external: bool = False
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A device's port on a network; `outside` is a router's gateway. `floating` are lent to it.

    `vlan` is what an instance tags its frames with where it is on the network by a trunk, 0 where
    it is not; such an edge has no `interface` of its own. `off` says that its port, or the trunk,
    is switched off.
    """

    device: str
    network: str
    interface: str
    addresses: tuple[str, ...] = ()
    floating: tuple[str, ...] = ()
    outside: bool = False
    vlan: int = 0
    off: bool = False

    @property
    def said(self) -> str:
        """Its addresses, the VLAN of a trunk, and that it is off."""
        vlan = f"VLAN {self.vlan}" if self.vlan else ""
        words = (", ".join(self.addresses), vlan, "off" if self.off else "")
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Topology:
    """All nodes by id, in the order of their names, and the edges between them."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    edges: Sequence[Edge] = ()

    def of_kind(self, kind: str) -> list[Node]:
        """The nodes of a kind."""
        return [node for node in self.nodes.values() if node.kind == kind]

    def of_project(self, project_id: str) -> Topology:
        """A project's own nodes, and the networks that they hang on."""
        mine = {node.id for node in self.nodes.values() if node.project_id == project_id}
        # What only leads out is in the picture where something leads there.
        mine -= {id_ for id_ in mine if self.nodes[id_].external}
        edges = [each for each in self.edges if each.device in mine]
        mine |= {each.network for each in edges}
        nodes = {id_: node for id_, node in self.nodes.items() if id_ in mine}
        return Topology(nodes, edges)


@dataclass(frozen=True, slots=True)
class Found:
    """What a topology is made of, as the services list it.

    `known` says that the instances' states are; `differing` are the ids of networks and routers
    that a repair would change.
    """

    networks: Sequence[Network]
    subnets: Sequence[Subnet]
    ports: Sequence[PortView]
    routers: Sequence[Router]
    floating_ips: Sequence[FloatingIp]
    instances: Sequence[InstanceRow]
    trunks: Sequence[TrunkView] = ()
    known: bool = True
    differing: Collection[str] = frozenset()


def topology(found: Found) -> Topology:
    """The topology of what was found."""
    nodes: dict[str, Node] = {}
    subnets: dict[str, list[Subnet]] = defaultdict(list)
    for subnet in found.subnets:
        subnets[subnet.network_id].append(subnet)
    ports: dict[str, list[PortView]] = defaultdict(list)
    for view in found.ports:
        ports[view.port.network_id].append(view)
    for network in found.networks:
        nodes[network.id] = _network(network, subnets[network.id], ports[network.id], found)
    for router in found.routers:
        nodes[router.id] = _router(router, found)
    for row in found.instances:
        nodes[row.id] = _instance(row, found.known)
    return Topology(nodes, list(_edges(found, nodes)))


def _network(
    row: Network, subnets: Iterable[Subnet], ports: Sequence[PortView], found: Found
) -> Node:
    served = {
        subnet_id: address
        for view in ports
        if view.port.device_owner == OWNER_DHCP
        for subnet_id, address in view.addresses
    }
    notes = []
    for subnet in subnets:
        gateway = f"  gateway {subnet.gateway_ip}" if subnet.gateway_ip else ""
        dhcp = f"  DHCP {served[subnet.id]}" if subnet.id in served else ""
        notes.append(f"{subnet.cidr}{gateway}{dhcp}")
    said = [] if row.admin_state_up else ["switched off"]
    said.append(f"MTU {row.mtu}")
    if row.network_type != "local":
        said.append(f"{row.network_type} {row.segmentation_id or ''}".strip())
    said += [word for word, so in (("external", row.external), ("shared", row.shared)) if so]
    free = sum(not view.port.device_id for view in ports)
    if free:
        said.append(f"{free} free port{'s' if free > 1 else ''}")
    differs = row.id in found.differing
    return Node(
        NETWORK, row.id, row.name, row.project_id, "  ".join(said), "bad" if differs else "",
        tuple(notes), row.external, differs,
    )  # fmt: skip


def _router(row: Router, found: Found) -> Node:
    differs = row.id in found.differing
    said = [] if row.admin_state_up else ["switched off"]
    if row.external_network_id:
        said.append("SNAT" if row.enable_snat else "no SNAT")
    said += [f"route {each['destination']} via {each['nexthop']}" for each in row.routes[:2]]
    if len(row.routes) > 2:
        said.append(f"{len(row.routes) - 2} more routes")
    tone = "bad" if differs else "good" if row.admin_state_up else "dim"
    return Node(ROUTER, row.id, row.name, row.project_id, "  ".join(said), tone, differs=differs)


def _instance(row: InstanceRow, known: bool) -> Node:
    if not known:
        return Node(INSTANCE, row.id, row.name, row.project_id, "…", "dim")
    differs = row.differs and not row.absent
    status = f"{row.status}≠{row.power.value}" if differs else row.status
    tone = _TONES.get(row.status, "warn")
    if differs and row.status != "BUILD":
        tone = "bad"
    return Node(INSTANCE, row.id, row.name, row.project_id, status, tone, differs=differs)


def _edges(found: Found, nodes: Mapping[str, Node]) -> Iterable[Edge]:
    lent: dict[str, list[str]] = defaultdict(list)
    for row in found.floating_ips:
        if row.port_id:
            lent[row.port_id].append(row.address)
    for view in found.ports:
        port = view.port
        known = port.device_id in nodes and port.network_id in nodes
        if port.device_owner in _DEVICES and known:
            yield Edge(
                port.device_id, port.network_id, port.interface,
                tuple(address for _, address in view.addresses), tuple(lent[port.id]),
                port.device_owner == OWNER_GATEWAY, off=not port.admin_state_up,
            )  # fmt: skip
    addresses = {view.port.id: view.addresses for view in found.ports}
    for trunk in found.trunks:
        device = trunk.parent.device_id
        carries = trunk.trunk.admin_state_up and trunk.parent.admin_state_up
        for subport, port in trunk.subports:
            if device in nodes and port.network_id in nodes:
                yield Edge(
                    device, port.network_id, "",
                    tuple(address for _, address in addresses.get(port.id, ())),
                    tuple(lent[port.id]), vlan=subport.segmentation_id,
                    off=not (carries and port.admin_state_up),
                )  # fmt: skip
