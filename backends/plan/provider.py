"""Provider networks on this host: the external bridge, its flows, its address, the way out."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

from backends.drivers.facts import Facts
from backends.drivers.namespaces.routing import HOST_SYSCTLS
from backends.drivers.namespaces.steps import SetInterface, SetSysctls
from backends.drivers.nftables.facts import Rules
from backends.drivers.nftables.steps import HOST_FAMILY, RemoveRules, WriteRules
from backends.drivers.ovs.facts import CLOUD, KIND, OvsFacts
from backends.drivers.ovs.steps import AddBridge, AddPatch, RemoveBridge, RemovePort, WriteFlows
from backends.drivers.step import Step
from backends.plan import nat, patch
from backends.records.snapshot import Records
from backends.records.tables import Network, Subnet
from backends.settings import Settings

# Both ends of the patch have this number on their bridge.
PATCH = 65000


def networks(records: Records) -> list[Network]:
    """Those that lie on a physical network, by their VLAN here."""
    found = [each for each in records.networks.values() if each.physical_network]
    return sorted(
        (each for each in found if not each.absent), key=lambda each: records.vlans[each.id]
    )


def steps(records: Records, facts: Facts, settings: Settings) -> Iterator[Step]:
    """What brings the external bridge in order, or takes it away where nobody needs it."""
    wanted = networks(records)
    if not wanted:
        yield from _remove(facts, settings)
        return
    bridge = facts.ovs.bridges.get(settings.external_bridge)
    owner = ((CLOUD, settings.cloud), (KIND, "bridge"))
    if (
        bridge is None
        or bridge.fail_mode != "secure"
        or bridge.datapath != settings.datapath
        or any(bridge.labels.get(key) != value for key, value in owner)
    ):
        yield AddBridge(settings.external_bridge, settings.datapath, owner)
    ends = [each for each in _ends(settings) if not patch.is_open(each, facts.ovs)]
    yield from map(patch.shut, ends)
    flows = external_flows(records)
    cookie = int.from_bytes(hashlib.sha256("\n".join(flows).encode()).digest()[:8]) >> 1 | 1
    if bridge is None or bridge.flows != cookie:
        yield WriteFlows(settings.external_bridge, cookie, flows)
    yield from ends
    yield from _way_out(records, facts, settings)


def external_flows(records: Records) -> tuple[str, ...]:
    """br-ex: what br-int sends under a local VLAN leaves untagged, or under the provider's VLAN."""
    found = []
    for network in networks(records):
        segment = network.segmentation_id
        turned = f"mod_vlan_vid:{segment}" if segment else "strip_vlan"
        match = f"in_port={PATCH},dl_vlan={records.vlans[network.id]}"
        found.append(f"table=0,priority=4,{match},actions={turned},NORMAL")
    found.append(f"table=0,priority=2,in_port={PATCH},actions=drop")
    found.append("table=0,priority=0,actions=NORMAL")
    return tuple(found)


def arrivals(records: Records, facts: OvsFacts, settings: Settings) -> Iterator[str]:
    """br-int: what comes from br-ex gets its network's local VLAN; what belongs to none is dropped.

    Before the flows that take any uplink's tag for a local VLAN.
    """
    port = facts.ports.get(settings.patch[0])
    if port is None or port.ofport < 1 or port.labels.get(CLOUD) != settings.cloud:
        return
    for network in networks(records):
        match = f"dl_vlan={network.segmentation_id}"
        push = ""
        if not network.segmentation_id:
            match, push = "vlan_tci=0x0000/0x1fff", "push_vlan:0x8100,"
        tag = f"set_field:{0x1000 | records.vlans[network.id]}->vlan_vid"
        yield (
            f"table=0,priority=30,in_port={port.ofport},{match},"
            f"actions={push}{tag},set_field:1->reg7,resubmit(,60)"
        )
    yield f"table=0,priority=20,in_port={port.ofport},actions=drop"


def _ends(settings: Settings) -> tuple[AddPatch, AddPatch]:
    return patch.ends(settings, settings.external_bridge, settings.patch, PATCH)


def _way_out(records: Records, facts: Facts, settings: Settings) -> Iterator[Step]:
    """The host is the flat external network's gateway, unless a NIC on the bridge leads out."""
    name = settings.external_bridge
    subnets = [] if has_uplink(facts.ovs, settings) else list(_held(records))
    addresses = frozenset(
        f"{each.gateway_ip}/{ipaddress.ip_network(each.cidr).prefixlen}" for each in subnets
    )
    found = facts.host.interface(name)
    if found is None or not found.up or found.addresses != addresses:
        mtu = min((each.mtu for each in networks(records)), default=1500)
        checksums = settings.datapath != "netdev"
        # A bridge that was made anew has another MAC, and routers remember the old one.
        yield SetInterface("", name, "", mtu, addresses, checksums, announce=True)
    if not addresses:
        if "" in facts.rules:
            yield RemoveRules("", HOST_FAMILY, settings.host_table)
        return
    if any(facts.host.sysctls.get(key) != value for key, value in HOST_SYSCTLS):
        yield SetSysctls("", HOST_SYSCTLS)
    services = [each for network in networks(records) for each in network.host_services]
    body = nat.host(name, [each.cidr for each in subnets if each.ip_version == 4], services)
    rules = WriteRules("", HOST_FAMILY, settings.host_table, body)
    if facts.rules.get("", Rules()).digest != rules.digest:
        yield rules


def _held(records: Records) -> Iterator[Subnet]:
    """Subnets whose gateway the host is."""
    for network in networks(records):
        if network.external and network.network_type == "flat":
            for subnet in records.subnets.get(network.id, ()):
                if subnet.gateway_ip:
                    yield subnet


def has_uplink(facts: OvsFacts, settings: Settings) -> bool:
    """Whether somebody put a network card on the external bridge: a port that is not ours."""
    return any(
        port.bridge == settings.external_bridge
        and not port.internal
        and not port.peer
        and port.labels.get(CLOUD) != settings.cloud
        for port in facts.ports.values()
    )


def _remove(facts: Facts, settings: Settings) -> Iterator[Step]:
    if "" in facts.rules:
        yield RemoveRules("", HOST_FAMILY, settings.host_table)
    for end in _ends(settings):
        port = facts.ovs.ports.get(end.name)
        if port is not None and port.labels.get(CLOUD) == settings.cloud:
            yield RemovePort(end.name)
    bridge = facts.ovs.bridges.get(settings.external_bridge)
    if bridge is not None and bridge.labels.get(CLOUD) == settings.cloud:
        yield RemoveBridge(settings.external_bridge)
