"""One bridge's flows as an operator reads them: explained when looked at, with rates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from backends.inspect.flow_words import action_words, match_words
from backends.inspect.flows import CANARY_TABLE, NOBODY, Owner, owners, role, rules_of
from backends.inspect.names import Names

if TYPE_CHECKING:
    from backends.drivers.ovs.flow_table import Column, FlowTable
    from backends.records.security import SecurityGroup, SecurityGroupRule

_BRIDGE = Owner("host", "the whole bridge")


@dataclass(frozen=True, slots=True)
class Explained:
    """A flow in words; `rules` are the security group rules that it comes from."""

    role: str
    match: str
    actions: str
    owner: Owner
    rules: Sequence[tuple[SecurityGroup, SecurityGroupRule]]


class FlowRow:
    """One flow with its counters. What it matches and does is decoded when it is asked for."""

    __slots__ = ("_listing", "_number", "bridge", "octets", "owner", "packets", "priority",
                 "rate", "speed", "table")  # fmt: skip

    def __init__(
        self, listing: FlowListing, number: int, counted: tuple[int, int, int, int, float, float]
    ) -> None:
        """`counted`: table, priority, packets and octets so far, packets and octets a second."""
        self._listing = listing
        self._number = number
        self.bridge = listing.bridge
        self.table, self.priority, self.packets, self.octets, self.rate, self.speed = counted
        self.owner = listing.owner(number)

    @property
    def id(self) -> str:
        """The same for the same flow at every reading: of its bridge, table, priority and match."""
        return self._listing.id(self._number)

    @property
    def key(self) -> str:
        """The same in another form, made faster."""
        return f"{self.bridge}/{self._listing.keys[self._number].decode('latin-1')}"

    @property
    def name(self) -> str:
        """Bridge, table and match."""
        return f"{self.bridge} {self.table} {self.match}"

    @property
    def match(self) -> str:
        """What it matches, as ovs-ofctl writes it."""
        return self._listing.flows.match(self._number)

    @property
    def actions(self) -> str:
        """What it does, as ovs-ofctl writes it."""
        return self._listing.flows.actions(self._number)

    @property
    def age(self) -> float:
        """Seconds since it was written."""
        return float(self._listing.flows.age[self._number])

    @property
    def cookie(self) -> int:
        """The flow set it was written with."""
        return int(self._listing.flows.cookie[self._number])

    def explain(self) -> Explained:
        """All of it in words."""
        return self._listing.explain(self._number)


class FlowListing:
    """The flows of a bridge at one time (`read_at`, seconds of a monotonic clock)."""

    def __init__(
        self, bridge: str, flows: FlowTable, names: Names, canaries: FlowTable, read_at: float
    ) -> None:
        """`canaries` are flows of which some are canaries: table 23's, or all."""
        self.bridge = bridge
        self.flows = flows
        self.names = names
        self.read_at = read_at
        self._owners = owners(canaries_of(canaries), names, bridge)
        self._owners |= dict.fromkeys(lone_canaries(canaries), _BRIDGE)

    def __len__(self) -> int:
        return len(self.flows)

    @cached_property
    def keys(self) -> list[bytes]:
        """What tells each flow from every other of the bridge."""
        return self.flows.keys()

    @cached_property
    def rows_by_key(self) -> Mapping[bytes, int]:
        """Where each flow stands."""
        return {key: number for number, key in enumerate(self.keys)}

    def id(self, number: int) -> str:
        """12 hexadecimal digits."""
        return hashlib.sha256(self.bridge.encode() + self.keys[number]).hexdigest()[:12]

    def owner(self, number: int) -> Owner:
        """What put a flow there."""
        return self._owners.get(int(self.flows.cookie[number]), NOBODY)

    def of_project(self, project_id: str) -> list[int]:
        """The flows of the project's ports and networks."""
        mine = [cookie for cookie, who in self._owners.items() if who.project_id == project_id]
        return [int(each) for each in np.flatnonzero(np.isin(self.flows.cookie, mine))]

    def rows(
        self, numbers: Sequence[int] | None = None, before: FlowListing | None = None
    ) -> Iterator[FlowRow]:
        """These flows, or all; with rates since an earlier reading."""
        flows = self.flows
        rate, speed = self.rates(before)
        columns = [flows.table, flows.priority, flows.packets, flows.octets, rate, speed]
        if numbers is None:
            numbers = range(len(self))
        else:
            columns = [column[list(numbers)] for column in columns]
        counted = zip(*(column.tolist() for column in columns), strict=True)
        for number, each in zip(numbers, counted, strict=True):
            yield FlowRow(self, number, each)

    def rates(self, before: FlowListing | None) -> tuple[Column, Column]:
        """Packets and octets a second since then; 0 for flows that were not there."""
        now = self.flows
        zeros = np.zeros(len(now))
        if before is None or self.read_at <= before.read_at:
            return zeros, zeros
        there = before.rows_by_key
        at = np.array([there.get(key, -1) for key in self.keys], np.intp)
        known = at >= 0
        passed = self.read_at - before.read_at
        rates = []
        for name in ("packets", "octets"):
            new = getattr(now, name).astype(np.int64)
            old = np.zeros(len(now), np.int64)
            old[known] = getattr(before.flows, name)[at[known]]
            # A counter that went back belongs to a flow written anew.
            rates.append(np.where(known & (new >= old), (new - old) / passed, 0.0))
        return rates[0], rates[1]

    def explain(self, number: int) -> Explained:
        """One of them in words."""
        flows, names = self.flows, self.names
        table, owner = int(flows.table[number]), self.owner(number)
        rules: Sequence[tuple[SecurityGroup, SecurityGroupRule]] = ()
        if owner.port is not None:
            priority = int(flows.priority[number])
            rules = rules_of(table, priority, flows.match(number), owner.port, names)
        return Explained(
            role(self.bridge, table),
            match_words(flows.fields(number), self.bridge, table, names),
            action_words(flows.actions(number), self.bridge, table, names),
            owner,
            rules,
        )


def lone_canaries(flows: FlowTable) -> list[int]:
    """Cookies of flows that a bridge has as one set: its canary names no owner."""
    rows = np.flatnonzero(flows.table == CANARY_TABLE).tolist()
    return [int(flows.cookie[row]) for row in rows if not flows.raw_match(row)]


def canaries_of(flows: FlowTable) -> Iterator[tuple[int, int]]:
    """Cookie and owner of each flow set (`drivers.ovs.sets`: the canary's metadata)."""
    for number in np.flatnonzero(flows.table == CANARY_TABLE).tolist():
        owner = flows.fields(number).get("metadata")
        if owner is not None:
            yield int(flows.cookie[number]), owner.value
