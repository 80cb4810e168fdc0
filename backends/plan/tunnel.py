"""Tunnels to other hosts: the bridge that has them, its patch, a VXLAN port for each host.

Which hosts: those with ports on the VXLAN networks that this host has ports on. The records say it
all, so that each host needs only its own look at them.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from backends.drivers.ovs.facts import CLOUD, KIND, OvsFacts
from backends.drivers.ovs.steps import (
    AddBridge,
    AddPatch,
    AddTunnel,
    RemoveBridge,
    RemovePort,
)
from backends.drivers.step import Step
from backends.plan import patch
from backends.records.host import HostRecord
from backends.records.network import VXLAN
from backends.records.snapshot import Records
from backends.records.tables import Network, Port
from backends.settings import Settings

# Both ends of the patch have this number on their bridge.
PATCH = 65001
_KIND = "tunnel"


@dataclass(frozen=True, slots=True)
class Segment:
    """A VXLAN network as this host sees it: `away` are the ports of each other host that has it."""

    network: Network
    vlan: int
    away: dict[str, list[Port]]


def is_wanted(records: Records) -> bool:
    """Whether this host takes part."""
    own = records.hosts.get(records.host)
    return own is not None and bool(own.tunnel_address)


def segments(records: Records) -> list[Segment]:
    """The VXLAN networks that this host has ports on, by their VLAN here."""
    if not is_wanted(records):
        return []
    peers = _peers(records)
    found = []
    for network in records.networks.values():
        if network.network_type != VXLAN or network.absent:
            continue
        ports = [each for each in records.ports_on.get(network.id, ()) if not each.absent]
        if not any(each.host == records.host for each in ports):
            continue
        away: dict[str, list[Port]] = {}
        for port in sorted(ports, key=lambda each: (each.host, each.id)):
            if port.host in peers:
                away.setdefault(port.host, []).append(port)
        found.append(Segment(network, records.vlans[network.id], away))
    return sorted(found, key=lambda each: each.vlan)


def tunnels(records: Records, settings: Settings) -> dict[str, AddTunnel]:
    """The tunnels that this host should have, by the other host's name."""
    peers = _peers(records)
    wanted = sorted({name for each in segments(records) for name in each.away})
    local = records.hosts[records.host].tunnel_address if wanted else ""
    return {name: _tunnel(local, peers[name], settings) for name in wanted}


def of_bridge(facts: OvsFacts, settings: Settings) -> set[str]:
    """The tunnels of this cloud that are there."""
    return {
        name
        for name, port in facts.ports.items()
        if port.labels.get(CLOUD) == settings.cloud and port.labels.get(KIND) == _KIND
    }


def prepare(records: Records, facts: OvsFacts, settings: Settings) -> Iterator[Step]:
    """What has to be there before flows can name it. The patch stays shut until they stand."""
    if not is_wanted(records):
        yield from _remove(facts, settings)
        return
    owner = ((CLOUD, settings.cloud), (KIND, "bridge"))
    bridge = facts.bridges.get(settings.tunnel_bridge)
    if (
        bridge is None
        or bridge.fail_mode != "secure"
        or bridge.datapath != settings.datapath
        or not bridge.labels.items() >= set(owner)
    ):
        yield AddBridge(settings.tunnel_bridge, settings.datapath, owner)
    for end in _ends(settings):
        if not patch.is_there(end, facts):
            yield patch.shut(end)
    for each in tunnels(records, settings).values():
        if not _is_there(each, facts):
            yield each


def finish(records: Records, facts: OvsFacts, settings: Settings) -> Iterator[Step]:
    """What comes after the flows: the patch is opened, and tunnels that nobody needs are gone."""
    if not is_wanted(records):
        return
    yield from (end for end in _ends(settings) if not patch.is_open(end, facts))
    wanted = {each.name for each in tunnels(records, settings).values()}
    yield from (RemovePort(name) for name in sorted(of_bridge(facts, settings) - wanted))


def _peers(records: Records) -> dict[str, HostRecord]:
    """The other hosts that can be reached: by an address of the same version as ours."""
    own = records.hosts.get(records.host)
    if own is None or not own.tunnel_address:
        return {}
    version = ipaddress.ip_address(own.tunnel_address).version
    return {
        name: row
        for name, row in records.hosts.items()
        if name != records.host
        and row.tunnel_address
        and ipaddress.ip_address(row.tunnel_address).version == version
    }


def _tunnel(local: str, peer: HostRecord, settings: Settings) -> AddTunnel:
    """Named by a hash of the address, as an IPv6 one does not fit into an interface's name."""
    remote = peer.tunnel_address
    digest = hashlib.sha256(f"{settings.cloud} {remote}".encode()).hexdigest()[:8]
    owner = ((CLOUD, settings.cloud), (KIND, _KIND))
    return AddTunnel(settings.tunnel_bridge, f"vxlan-{digest}", local, remote, owner)


def _is_there(wanted: AddTunnel, facts: OvsFacts) -> bool:
    found = facts.ports.get(wanted.name)
    return (
        found is not None
        and found.bridge == wanted.bridge
        and found.tunnel == (wanted.local, wanted.remote)
        and found.labels.items() >= set(wanted.labels)
    )


def _ends(settings: Settings) -> tuple[AddPatch, AddPatch]:
    return patch.ends(settings, settings.tunnel_bridge, settings.tunnel_patch, PATCH)


def _remove(facts: OvsFacts, settings: Settings) -> Iterator[Step]:
    for end in _ends(settings):
        port = facts.ports.get(end.name)
        if port is not None and port.labels.get(CLOUD) == settings.cloud:
            yield RemovePort(end.name)
    bridge = facts.bridges.get(settings.tunnel_bridge)
    if bridge is not None and bridge.labels.get(CLOUD) == settings.cloud:
        yield RemoveBridge(settings.tunnel_bridge)
