"""What the numbers on the machine stand for: ports, zones, VLANs and cookies, by the records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backends.drivers.ovs.facts import IFACE_ID, OvsFacts, OvsPort
from backends.plan.firewall import groups, sets
from backends.plan.firewall.ports import subport_number
from backends.plan.firewall.zones import zone
from backends.records.network import OWNER_INSTANCE
from backends.records.router import FloatingIp, Router
from backends.records.security import AddressGroup, SecurityGroup
from backends.records.snapshot import Records
from backends.records.tables import Instance, Network, Port
from backends.settings import Settings


@dataclass(slots=True)
class Names:
    """Lookups over one reading of the records and of OVSDB.

    `plugged` are recorded ports by bridge and OpenFlow number, `interfaces` all interfaces by the
    same; `conjunctions` the remote groups by number; `floating` and `fixed` are floating IPs by
    their address and, by router, by the address they are lent to.
    """

    records: Records
    settings: Settings
    plugged: dict[tuple[str, int], Port] = field(default_factory=dict)
    interfaces: dict[tuple[str, int], str] = field(default_factory=dict)
    zones: dict[int, Network] = field(default_factory=dict)
    vlans: dict[int, Network] = field(default_factory=dict)
    groups: dict[str, SecurityGroup] = field(default_factory=dict)
    address_groups: dict[str, AddressGroup] = field(default_factory=dict)
    conjunctions: dict[int, SecurityGroup | AddressGroup] = field(default_factory=dict)
    ports_at: dict[tuple[str, str], Port] = field(default_factory=dict)
    ports_by_mac: dict[str, Port] = field(default_factory=dict)
    floating: dict[str, FloatingIp] = field(default_factory=dict)
    fixed: dict[tuple[str, str], FloatingIp] = field(default_factory=dict)

    def network_of(self, port: Port) -> Network | None:
        """The network a port is on."""
        return self.records.networks.get(port.network_id)

    def instance_of(self, port: Port | None) -> Instance | None:
        """The instance a port is plugged into."""
        if port is None or port.device_owner != OWNER_INSTANCE:
            return None
        return self.records.instances.get(port.device_id)

    def title(self, port: Port) -> str:
        """What a person calls a port: its instance, its DHCP server, its router, or itself."""
        instance = self.instance_of(port)
        if instance is not None:
            return instance.name
        router = self.records.routers.get(port.device_id)
        if router is not None:
            return f"router {router.name}"
        network = self.network_of(port)
        if port.device_owner.startswith("network:dhcp") and network is not None:
            return f"DHCP of {network.name}"
        return port.name or port.interface

    def port_title(self, bridge: str, number: int) -> str:
        """What a person calls the port of this OpenFlow number."""
        port = self.plugged.get((bridge, number))
        interface = self.interfaces.get((bridge, number), "")
        if port is not None:
            return f"{self.title(port)} ({interface})"
        return interface or f"port {number}"

    def router_networks(self, router: Router) -> list[str]:
        """The ids of the networks that a router joins."""
        return [port.network_id for port in self.records.ports_of.get(router.id, ())]

    def port_at(self, networks: Iterable[str], address: str) -> Port | None:
        """The port with this address on one of these networks."""
        for network in networks:
            found = self.ports_at.get((network, address))
            if found is not None:
                return found
        return None


def names(records: Records, facts: OvsFacts, settings: Settings) -> Names:
    """Index what is recorded and plugged."""
    found = Names(records, settings)
    for each in facts.ports.values():
        if each.ofport > 0:
            found.interfaces[each.bridge, each.ofport] = each.name + _leads(each, records)
            port = records.ports.get(each.labels.get(IFACE_ID, ""))
            if port is not None:
                found.plugged[each.bridge, each.ofport] = port
                _subports(found, each, port)
    for network_id, vlan in records.vlans.items():
        network = records.networks.get(network_id)
        if network is not None:
            found.vlans[vlan] = network
            found.zones[zone(settings, vlan)] = network
    for port_id, addresses in records.addresses.items():
        port = records.ports.get(port_id)
        if port is not None:
            found.ports_at.update({(port.network_id, row.address): port for row in addresses})
    found.ports_by_mac = {port.mac: port for port in records.ports.values()}
    found.groups = {group.id: group for rows in records.groups.values() for group in rows}
    found.address_groups = {row.id: row for rows in records.address_groups.values() for row in rows}
    found.conjunctions = _conjunctions(found)
    for rows in records.floats_on.values():
        for row in rows:
            found.floating[row.address] = row
            if row.router_id and row.fixed_address:
                found.fixed[row.router_id, row.fixed_address] = row
    return found


def _leads(port: OvsPort, records: Records) -> str:
    """Where a tunnel leads."""
    for row in records.hosts.values():
        if row.tunnel_address and row.tunnel_address in port.tunnel[1:]:
            return f" to {row.name}"
    return ""


def _subports(found: Names, plug: OvsPort, parent: Port) -> None:
    """A trunk's subports have numbers of their own in register 5."""
    trunk = found.records.trunks.get(parent.id)
    for each in found.records.subports.get(trunk.id, ()) if trunk else ():
        port = found.records.ports.get(each.port_id)
        if port is not None:
            place = plug.bridge, subport_number(plug.ofport, each.segmentation_id)
            found.plugged[place] = port
            found.interfaces[place] = f"{plug.name}, VLAN {each.segmentation_id}"


def _conjunctions(found: Names) -> dict[int, SecurityGroup | AddressGroup]:
    """The remote groups of plugged ports' rules, numbered as the firewall numbers them."""
    records = found.records
    remote = {
        peer
        for (bridge, _), port in found.plugged.items()
        if bridge == found.settings.bridge and sets.is_filtered(port)
        for group in records.groups_of.get(port.id, ())
        for rule in records.rules.get(group, ())
        if (peer := rule.peer_id) is not None
    }
    numbers: Mapping[str, int] = groups.conjunction_ids(remote)
    known: dict[str, SecurityGroup | AddressGroup] = {**found.groups, **found.address_groups}
    return {number: known[id_] for id_, number in numbers.items() if id_ in known}
