"""A port of our own: an internal one of br-int, in a namespace of ours, with its addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from backends.drivers.facts import Facts
from backends.drivers.namespaces.steps import SetInterface
from backends.drivers.ovs.facts import ATTACHED_MAC, CLOUD, IFACE_ID, KIND, VM_UUID
from backends.drivers.ovs.steps import AddPort, Labels, RemovePort
from backends.drivers.step import Step
from backends.records.snapshot import Records
from backends.records.tables import Port
from backends.settings import Settings


def port_labels(port: Port, settings: Settings) -> Labels:
    """The external_ids of a port's interface, as os-vif and Neutron write them, and our cloud's."""
    return (
        (IFACE_ID, port.id),
        (ATTACHED_MAC, port.mac),
        (VM_UUID, port.device_id),
        (CLOUD, settings.cloud),
        (KIND, "port"),
    )


def steps(
    namespace: str,
    port: Port,
    records: Records,
    facts: Facts,
    settings: Settings,
    *,
    more: Iterable[str] = (),
    announce: bool = False,
) -> Iterator[Step]:
    """Plug it and set it up, where it is not so; `more` are addresses beside its recorded ones."""
    network = records.networks[port.network_id]
    vlan = records.vlans[network.id]
    wanted = port_labels(port, settings)
    found = facts.ovs.ports.get(port.interface)
    home = facts.namespaces.get(namespace)
    interface = home.interface(port.interface) if home else None
    if interface is not None and not interface.attached:
        interface = None
    if found is not None and interface is None:
        # It may have gone with a namespace that somebody deleted, or with a switch that was
        # restarted: only a new port brings it back.
        yield RemovePort(port.interface)
        found = None
    if (
        found is None
        or found.bridge != settings.bridge
        or found.vlan != vlan
        or found.error
        or not found.labels.items() >= set(wanted)
    ):
        yield AddPort(
            settings.bridge, port.interface, vlan, wanted,
            internal=True, mac=port.mac, mtu=network.mtu,
        )  # fmt: skip
    addresses = with_prefix(port, records) | frozenset(more)
    if (
        interface is None
        or not interface.up
        or interface.mac != port.mac
        or interface.mtu != network.mtu
        or interface.addresses != addresses
    ):
        yield SetInterface(
            namespace, port.interface, port.mac, network.mtu, addresses,
            checksums=settings.datapath != "netdev", announce=announce,
        )  # fmt: skip


def with_prefix(port: Port, records: Records) -> frozenset[str]:
    """The port's addresses with their subnets' prefix lengths."""
    lengths = {
        subnet.id: ipaddress.ip_network(subnet.cidr).prefixlen
        for subnet in records.subnets.get(port.network_id, ())
    }
    return frozenset(
        f"{each.address}/{lengths[each.subnet_id]}" for each in records.addresses.get(port.id, ())
    )
