"""Tables of connections as an operator reads them: counted whole, joined by the page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from backends.drivers.conntrack.table import Column, Connections, words_of
from backends.inspect.connections import PROTOCOLS, TCP_STATES, Joined, join
from backends.inspect.names import Names
from backends.inspect.places import SWITCH, Source

_TCP = 6
# 2 to the 64 by the golden ratio: spreads what differs in few bits (Knuth, 6.4).
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Count:
    """How many connections have something in common, and how much they carried."""

    what: str
    connections: int
    octets: int = 0


@dataclass(slots=True)
class ConnectionListing:
    """The connections of several places. A million are counted whole and joined by the page."""

    parts: Sequence[tuple[Source, Connections]]
    names: Names

    def __len__(self) -> int:
        return sum(len(table) for _, table in self.parts)

    def page(self, start: int = 0, count: int = 100, order: str = "octets") -> list[Joined]:
        """Some of them, the largest first by `octets`, `packets` or `timeout` (or by `zone`)."""
        found: list[tuple[int, int, int]] = []
        for part, (_, table) in enumerate(self.parts):
            key = order_of(table, order)
            rows = _largest(key, start + count)
            found += zip(
                (-key[rows].astype(np.int64)).tolist(), repeat(part), rows.tolist(), strict=False
            )
        found.sort()
        return [
            join(self.parts[part][1].row(row), self.parts[part][0], self.names)
            for _, part, row in found[start : start + count]
        ]

    def by_zone(self) -> list[Count]:
        """By place, and in the switch by network; the most first."""
        found = []
        for place, table in self.parts:
            if place.name != SWITCH:
                found.append(Count(place.title, len(table), int(table.octets.sum())))
                continue
            counts = np.bincount(table.zone)
            for zone in np.flatnonzero(counts).tolist():
                network = self.names.zones.get(zone)
                title = network.name if network else f"zone {zone}"
                found.append(Count(title, int(counts[zone])))
        return _most([each for each in found if each.connections])

    def by_state(self) -> list[Count]:
        """By protocol and, for TCP, state."""
        found: dict[str, int] = {}
        for _, table in self.parts:
            both = table.protocol.astype(np.uint16) << np.uint16(8) | table.state
            for value, number in zip(*_unique(both), strict=True):
                protocol, state = value >> 8, value & 255
                title = PROTOCOLS.get(protocol, str(protocol))
                if protocol == _TCP:
                    title += f" {TCP_STATES.get(state, 'NONE')}"
                found[title] = found.get(title, 0) + number
        return _most([Count(title, number) for title, number in found.items()])

    def by_instance(self, most: int = 50) -> list[Count]:
        """By the instance at either end; connections between two count for both."""
        found: dict[str, int] = {}
        for place, table in self.parts:
            keys, owners = self._instances_at(place)
            if not len(keys):
                continue
            for side in (0, 2):
                here = _keys(table.zone, table.addresses[side], by_zone=place.name == SWITCH)
                at = np.searchsorted(keys, here)
                at[at == len(keys)] = 0
                hits = np.bincount(at[keys[at] == here], minlength=len(keys))
                for number in np.flatnonzero(hits).tolist():
                    name = owners[number]
                    found[name] = found.get(name, 0) + int(hits[number])
        return _most([Count(name, number) for name, number in found.items()])[:most]

    def _instances_at(self, place: Source) -> tuple[Column, list[str]]:
        """The instances whose addresses can be met in a place: sorted keys, and their names."""
        names = self.names
        zones = {each.id: number for number, each in names.zones.items()}
        rows: list[tuple[int, str, str]] = []
        for (network_id, address), port in names.ports_at.items():
            instance = names.instance_of(port)
            if instance is None or (place.name != SWITCH and network_id not in place.networks):
                continue
            zone = zones.get(network_id, 0) if place.name == SWITCH else 0
            rows.append((zone, address, instance.name))
        words = np.array([words_of(address)[1:] for _, address, _ in rows], np.uint32)
        if not rows:
            return words, []
        zone_column = np.array([zone for zone, _, _ in rows], np.uint16)
        keys = _keys(zone_column, words.T, by_zone=True)
        order = np.argsort(keys)
        return keys[order], [rows[number][2] for number in order.tolist()]


def order_of(table: Connections, order: str) -> Column:
    """A number for each connection: the larger, the sooner shown."""
    if order == "timeout":
        return table.timeout
    if order == "zone":
        return np.iinfo(np.uint16).max - table.zone.astype(np.int64)
    both = table.packets if order == "packets" else table.octets
    total: Column = np.add(both[0], both[1])
    return total


def touching(table: Connections, addresses: Collection[str]) -> Column:
    """A mask of the connections with one of these addresses at any side."""
    found = np.zeros(len(table), bool)
    by_family: dict[int, list[tuple[int, ...]]] = {}
    for address in addresses:
        family, *words = words_of(address)
        by_family.setdefault(family, []).append(tuple(words))
    for family, several in by_family.items():
        wanted = np.array(several, np.uint32)
        of_family = table.family == family
        for side in range(4):
            hit = np.isin(table.addresses[side, 0], wanted[:, 0])
            if wanted[:, 1:].any():
                hit = _exactly(table.addresses[side], wanted, np.flatnonzero(hit), len(table))
            found |= hit & of_family
    return found


def _exactly(words: Column, wanted: Column, rows: Column, size: int) -> Column:
    """Rows whose four words are one of those wanted, among candidates that have the first."""
    known = {tuple(each) for each in wanted.tolist()}
    hit = np.zeros(size, bool)
    same = [tuple(each) in known for each in words[:, rows].T.tolist()]
    hit[rows] = same
    return hit


def _largest(key: Column, most: int) -> Column:
    if len(key) <= most:
        return np.arange(len(key))
    return np.argpartition(key, len(key) - most)[len(key) - most :]


def _unique(column: Column) -> tuple[list[int], list[int]]:
    values, counts = np.unique(column, return_counts=True)
    return values.tolist(), counts.tolist()


def _keys(zone: Column, words: Column, *, by_zone: bool) -> Column:
    """Zone and address as one number: exact for IPv4, mixed from an IPv6 address's four words."""
    rest = words[1].astype(np.uint64)
    if words[1:].any():
        for each in (2, 3):
            rest = rest * _MIX ^ words[each]
        rest *= _MIX
    low: Column = words[0].astype(np.uint64) ^ rest
    if by_zone:
        low ^= zone.astype(np.uint64) << np.uint64(32)
    return low


def _most(counts: list[Count]) -> list[Count]:
    return sorted(counts, key=lambda each: (-each.connections, each.what))
