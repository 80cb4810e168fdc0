"""The flow sets of a host: each has an owner, and changes without the others."""

from __future__ import annotations

import hashlib
import ipaddress
import zlib
from collections import defaultdict
from collections.abc import Iterator

from backends.drivers.ovs.facts import CLOUD, IFACE_ID, OvsFacts
from backends.plan import provider
from backends.plan.firewall import base, groups, networks
from backends.plan.firewall.ports import Plug
from backends.plan.firewall.wanted import PortSets, Wanted, of
from backends.plan.firewall.zones import zone
from backends.records.snapshot import Records
from backends.records.tables import Port
from backends.settings import Settings

# An owner is 64 bits: its kind in the highest four, and what tells it from others of its kind.
BASE, JOINS, PROVIDER = 0, 1, 2
_MEMBERS, _NETWORK, _PORT = 1 << 60, 2 << 60, 3 << 60
# The owners of our own ports: DHCP servers and routers (Neutron's words).
_TRUSTED = "network:"
# Members are kept in so many sets that one who comes or goes has few flows written anew.
_BUCKETS = 64

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
    found = []
    for port in records.ports.values():
        seen = facts.ports.get(port.interface)
        if (
            seen is None
            or port.absent
            or not is_up(port, records)
            or seen.bridge != settings.bridge
            or seen.ofport < 1
            or seen.labels.get(IFACE_ID) != port.id
        ):
            continue
        filtered = is_filtered(port)
        found.append(
            Plug(
                port.id, seen.ofport, zone(settings.cloud, records.vlans[port.network_id]),
                port.mac, filtered, tuple(identities(port, records)) if filtered else (),
            )
        )  # fmt: skip
    return found


def is_up(port: Port, records: Records) -> bool:
    """Whether anything passes it: it may be switched off, or its network."""
    return port.admin_state_up and records.networks[port.network_id].admin_state_up


def is_filtered(port: Port) -> bool:
    """Whether groups apply: not to our own DHCP servers and routers, and not where it is off."""
    return port.port_security and not port.device_owner.startswith(_TRUSTED)


def identities(port: Port, records: Records) -> Iterator[tuple[str, str]]:
    """(MAC, address or prefix) that a port may be: its own, and the pairs it was allowed."""
    for address in records.addresses.get(port.id, ()):
        yield port.mac, address.address
    for pair in port.allowed_address_pairs:
        yield pair.get("mac_address") or port.mac, pair["ip_address"]


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
    remote = {
        rule.remote_group_id
        for plug in plugged
        if plug.filtered
        for group in records.groups_of.get(plug.id, ())
        for rule in records.rules.get(group, ())
        if rule.remote_group_id
    }
    ids = groups.conjunction_ids(remote)
    found = [of(BASE, base.flows(uplinks)), of(JOINS, groups.joins(ids.values()))]
    found.append(of(PROVIDER, provider.arrivals(records, facts, settings)))
    found += _members(plugged, ids, records, settings)
    by_zone: dict[int, list[Plug]] = defaultdict(list)
    rules: Rules = {}
    for plug in sorted(plugged, key=lambda each: each.ofport):
        by_zone[plug.zone].append(plug)
        found.append(_port_sets(plug, ids, records, rules).of(port_owner(plug.id), plug))
    for each, there in by_zone.items():
        found.append(of(network_owner(each), networks.flows(each, there, uplinks)))
    return found


def _port_sets(plug: Plug, ids: dict[str, int], records: Records, known: Rules) -> PortSets:
    """What ports of the same groups share; an unfiltered port has the rules of none."""
    key = frozenset(records.groups_of.get(plug.id, ()) if plug.filtered else ())
    if key not in known:
        rules = (rule for group in sorted(key) for rule in records.rules.get(group, ()))
        known[key] = PortSets(groups.templates(rules, ids))
    return known[key]


def _members(
    plugged: list[Plug], ids: dict[str, int], records: Records, settings: Settings
) -> Iterator[Wanted]:
    """The addresses of remote groups' members, in each network whose ports have such a rule."""
    used: dict[str, set[str]] = defaultdict(set)
    for plug in plugged:
        if plug.filtered:
            network_id = records.ports[plug.id].network_id
            for group in records.groups_of.get(plug.id, ()):
                for rule in records.rules.get(group, ()):
                    if rule.remote_group_id:
                        used[rule.remote_group_id].add(network_id)
    numbers: dict[tuple[int, str], set[int]] = defaultdict(set)
    ranges = {
        each: [ipaddress.ip_network(subnet.cidr) for subnet in records.subnets.get(each, ())]
        for each in set().union(*used.values())
    }
    for port in records.ports.values():
        remote = [group for group in records.groups_of.get(port.id, ()) if group in used]
        if not remote or port.absent:
            continue
        addresses = {address for _, address in identities(port, records)}
        for group in remote:
            for network_id in used[group]:
                number = zone(settings.cloud, records.vlans[network_id])
                for address in addresses:
                    if port.network_id == network_id or _routed(address, ranges[network_id]):
                        numbers[number, address].add(ids[group])
    buckets: dict[int, list[str]] = defaultdict(list)
    for (number, address), joined in sorted(numbers.items()):
        bucket = zlib.crc32(f"{number} {address}".encode()) % _BUCKETS
        buckets[bucket] += groups.member(number, address, joined)
    for bucket, flows in sorted(buckets.items()):
        yield of(_MEMBERS | bucket, flows)


def _routed(address: str, ranges: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Whether an address of another network can be seen here: not where it is one of ours."""
    found = ipaddress.ip_network(address)
    return not any(found.version == each.version and found.overlaps(each) for each in ranges)
