"""The flow sets of a host: each has an owner, and changes without the others."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from backends.drivers.ovs.facts import CLOUD, IFACE_ID, Meter, OvsFacts
from backends.plan import provider, qos
from backends.plan.firewall import base, groups, members, networks
from backends.plan.firewall.ports import Plug
from backends.plan.firewall.wanted import PortSets, Wanted, of
from backends.plan.firewall.zones import zone
from backends.records.network import VXLAN
from backends.records.snapshot import Records
from backends.records.tables import Network, Port
from backends.settings import Settings

# An owner is 64 bits: its kind in the highest four, and what tells it from others of its kind.
BASE, JOINS, PROVIDER = 0, 1, 2
_MEMBERS, _NETWORK, _PORT = 1 << 60, 2 << 60, 3 << 60
# The owners of our own ports: DHCP servers and routers (Neutron's words).
_TRUSTED = "network:"

Rules = dict[frozenset[str], PortSets]


def network_owner(zone_: int) -> int:
    """The owner of a network's set."""
    return _NETWORK | zone_


def zone_of(owner: int) -> int | None:
    """The zone of a network's owner; None for an owner of another kind."""
    return owner ^ _NETWORK if owner >> 60 == 2 else None


def port_owner(port_id: str) -> int:
    """The owner of a port's set."""
    digest = hashlib.sha256(port_id.encode()).digest()[:8]
    return _PORT | int.from_bytes(digest) >> 4


def plugs(records: Records, facts: OvsFacts, settings: Settings) -> list[Plug]:
    """The ports that are plugged here, up, and to be served."""
    places = _places(records, facts, settings)
    shaped = qos.shapes((records.ports[id_] for id_ in places), records).of
    stateless = {row.id for rows in records.groups.values() for row in rows if not row.stateful}
    found = []
    zones = {id_: zone(settings, vlan) for id_, vlan in records.vlans.items()}
    for id_, (ofport, tag) in places.items():
        port = records.ports[id_]
        filtered = is_filtered(port)
        found.append(
            Plug(
                id_, ofport, zones[port.network_id], port.mac,
                filtered, tuple(members.identities(port, records)) if filtered else (),
                # No port has groups of both kinds.
                filtered and not stateless.isdisjoint(records.groups_of.get(id_, ())),
                tag, shaped.get(id_, qos.PLAIN),
            )
        )  # fmt: skip
    return found


def meters(plugged: Iterable[Plug], records: Records) -> Mapping[int, Meter]:
    """The meters that these ports' flows use."""
    shaped = (plug for plug in plugged if plug.shaping != qos.PLAIN)
    return qos.shapes((records.ports[plug.id] for plug in shaped), records).meters


def _places(records: Records, facts: OvsFacts, settings: Settings) -> dict[str, tuple[int, int]]:
    """Where ports are plugged: an OpenFlow number, and the VLAN within it of a trunk's subport."""
    found: dict[str, tuple[int, int]] = {}
    for id_, port in records.ports.items():
        seen = facts.ports.get(port.interface)
        if (
            seen is not None
            and seen.bridge == settings.bridge
            and seen.ofport > 0
            and seen.labels.get(IFACE_ID) == id_
            and is_up(port, records)
        ):
            found[id_] = seen.ofport, 0
    for parent, trunk in records.trunks.items():
        if parent in found and trunk.admin_state_up:
            for each in records.subports.get(trunk.id, ()):
                if is_up(records.ports[each.port_id], records):
                    found[each.port_id] = found[parent][0], each.segmentation_id
    return found


def is_up(port: Port, records: Records) -> bool:
    """Whether anything passes it: it may be switched off, or its network."""
    up = port.admin_state_up and records.networks[port.network_id].admin_state_up
    return up and not port.absent


def is_filtered(port: Port) -> bool:
    """Whether groups apply: not to our own DHCP servers and routers, and not where it is off."""
    return port.port_security and not port.device_owner.startswith(_TRUSTED)


def wanted(
    plugged: list[Plug], records: Records, facts: OvsFacts, settings: Settings
) -> list[Wanted]:
    """Every set that this host should have."""
    uplinks = tuple(
        sorted(
            each.ofport
            for each in facts.ports.values()
            if each.bridge == settings.bridge
            and each.peer
            and each.labels.get(CLOUD) == settings.cloud
            and each.ofport > 0
        )
    )
    remote = members.used(plugged, records)
    ids = groups.conjunction_ids(remote)
    found = [of(BASE, base.flows(uplinks)), of(JOINS, groups.joins(ids.values()))]
    found.append(of(PROVIDER, provider.arrivals(records, facts, settings)))
    for bucket, flows in members.flows(remote, ids, records, settings):
        found.append(of(_MEMBERS | bucket, flows))
    by_zone: dict[int, list[Plug]] = defaultdict(list)
    rules: Rules = {}
    for plug in sorted(plugged, key=lambda each: each.ofport):
        by_zone[plug.zone].append(plug)
        found.append(_port_sets(plug, ids, records, rules).of(port_owner(plug.id), plug))
    for each, there in by_zone.items():
        network = records.networks[records.ports[there[0].id].network_id]
        onward = _onward(network, facts, settings)
        found.append(of(network_owner(each), networks.flows(each, there, onward)))
    return found


def _onward(network: Network, facts: OvsFacts, settings: Settings) -> tuple[int, ...]:
    """Where else the network is: on the wire, on other hosts, or nowhere."""
    name = settings.patch[0] if network.physical_network else ""
    if network.network_type == VXLAN:
        name = settings.tunnel_patch[0]
    port = facts.ports.get(name)
    ours = port is not None and port.labels.get(CLOUD) == settings.cloud and port.ofport > 0
    return (port.ofport,) if port is not None and ours else ()


def _port_sets(plug: Plug, ids: dict[str, int], records: Records, known: Rules) -> PortSets:
    """What ports of the same groups share; an unfiltered port has the rules of none."""
    key = frozenset(records.groups_of.get(plug.id, ()) if plug.filtered else ())
    if key not in known:
        rules = (rule for group in sorted(key) for rule in records.rules.get(group, ()))
        known[key] = PortSets(groups.templates(rules, ids, stateless=plug.stateless))
    return known[key]
