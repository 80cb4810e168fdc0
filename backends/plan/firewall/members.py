"""Who counts for a rule with a remote group: ports' addresses, or those of an address group."""

from __future__ import annotations

import ipaddress
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from backends.plan.firewall import groups
from backends.plan.firewall.ports import Plug
from backends.plan.firewall.zones import zone
from backends.records.network import Port
from backends.records.snapshot import Records
from backends.settings import Settings

_Ranges = list[ipaddress.IPv4Network | ipaddress.IPv6Network]

# Members are kept in so many sets that one who comes or goes has few flows written anew.
_BUCKETS = 64


def used(plugged: Iterable[Plug], records: Records) -> dict[str, set[str]]:
    """The groups that rules of filtered ports name, each with the networks of these ports."""
    found: dict[str, set[str]] = defaultdict(set)
    for plug in plugged:
        if not plug.filtered:
            continue
        network_id = records.ports[plug.id].network_id
        for group in records.groups_of.get(plug.id, ()):
            for rule in records.rules.get(group, ()):
                if rule.peer_id is not None:
                    found[rule.peer_id].add(network_id)
    return found


def flows(
    use: Mapping[str, set[str]], ids: Mapping[str, int], records: Records, settings: Settings
) -> Iterator[tuple[int, list[str]]]:
    """The members' flows, by number of the set they are in."""
    numbers: dict[tuple[int, str], set[int]] = defaultdict(set)
    for network_id, address, group in (*_of_ports(use, records), *_of_addresses(use, records)):
        # An address and a prefix of it alone are one match, which has one flow.
        bare = address.removesuffix("/128" if ":" in address else "/32")
        number = zone(settings, records.vlans[network_id])
        numbers[number, bare].add(ids[group])
    buckets: dict[int, list[str]] = defaultdict(list)
    for (number, address), joined in sorted(numbers.items()):
        bucket = zlib.crc32(f"{number} {address}".encode()) % _BUCKETS
        buckets[bucket] += groups.member(number, address, joined)
    yield from sorted(buckets.items())


def identities(port: Port, records: Records) -> Iterator[tuple[str, str]]:
    """(MAC, address or prefix) that a port may be: its own, and the pairs it was allowed."""
    mac = port.mac
    for address in records.addresses.get(port.id, ()):
        yield mac, address.address
    for pair in port.allowed_address_pairs:
        yield pair.get("mac_address") or mac, pair["ip_address"]


def _of_ports(use: Mapping[str, set[str]], records: Records) -> Iterator[tuple[str, str, str]]:
    """(network, address, group) of security groups' members."""
    ranges: dict[str, _Ranges] = {
        each: [ipaddress.ip_network(subnet.cidr) for subnet in records.subnets.get(each, ())]
        for each in set().union(*use.values())
    }
    for id_, port in records.ports.items():
        remote = [group for group in records.groups_of.get(id_, ()) if group in use]
        if not remote or port.absent:
            continue
        addresses = {address for _, address in identities(port, records)}
        for group in remote:
            for network_id in use[group]:
                for address in addresses:
                    if port.network_id == network_id or _routed(address, ranges[network_id]):
                        yield network_id, address, group


def _of_addresses(use: Mapping[str, set[str]], records: Records) -> Iterator[tuple[str, str, str]]:
    """(network, prefix, group) of address groups."""
    for rows in records.address_groups.values():
        for row in rows:
            for network_id in use.get(row.id, ()):
                for address in row.addresses:
                    yield network_id, address, row.id


def _routed(address: str, ranges: _Ranges) -> bool:
    """Whether an address of another network can be seen here: not where it is one of ours."""
    found = ipaddress.ip_network(address)
    return not any(found.version == each.version and found.overlaps(each) for each in ranges)
