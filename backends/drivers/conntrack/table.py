"""Connections in columns: what a table of a million of them is kept and grouped in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.drivers.conntrack.connection import Connection

# The sides of a connection: source and destination as the first packet had them, then the reply's.
SOURCE, DESTINATION, REPLY_SOURCE, REPLY_DESTINATION = range(4)

Column = NDArray[Any]


@dataclass(slots=True)
class Connections:
    """Columns of equal length, a row a connection, in the order that they were read.

    `addresses` has a shape of (4 sides, 4 words, rows): four big-endian words of an IPv6 address as
    numbers, or an IPv4 address in the first and zeros (never touched, so they take no memory).
    `ports` (4, rows); ICMP's id is in the first, its type and code in the high and low byte of the
    second. `timeout` in seconds; `state` is the protocol's own number (TCP's as in
    nf_conntrack_tcp.h); `status` are the bits of nf_conntrack_common.h; `packets` and `octets` are
    (2 directions, rows), zero where accounting is off (net.netfilter.nf_conntrack_acct).
    """

    family: Column
    protocol: Column
    addresses: Column
    ports: Column
    zone: Column
    mark: Column
    status: Column
    timeout: Column
    state: Column
    id: Column
    packets: Column
    octets: Column

    @classmethod
    def empty(cls, rows: int) -> Connections:
        """Room for so many, all zero; pages that are never written take no memory."""
        return cls(
            family=np.zeros(rows, np.uint8),
            protocol=np.zeros(rows, np.uint8),
            addresses=np.zeros((4, 4, rows), np.uint32),
            ports=np.zeros((4, rows), np.uint16),
            zone=np.zeros(rows, np.uint16),
            mark=np.zeros(rows, np.uint32),
            status=np.zeros(rows, np.uint32),
            timeout=np.zeros(rows, np.uint32),
            state=np.zeros(rows, np.uint8),
            id=np.zeros(rows, np.uint32),
            packets=np.zeros((2, rows), np.uint64),
            octets=np.zeros((2, rows), np.uint64),
        )

    def __len__(self) -> int:
        return len(self.family)

    def take(self, rows: Column | slice) -> Connections:
        """These rows: by number, by a mask, or a slice."""
        return Connections(*(getattr(self, each.name)[..., rows] for each in fields(self)))

    def grown(self, rows: int) -> Connections:
        """A copy with room for more."""
        larger = Connections.empty(rows)
        for each in fields(self):
            getattr(larger, each.name)[..., : len(self)] = getattr(self, each.name)
        return larger

    def address(self, side: int, row: int) -> str:
        """One side's address as people write it."""
        words = self.addresses[side, :, row]
        if self.family[row] == AF_INET:
            return str(IPv4Address(int(words[0])))
        return str(IPv6Address(words.astype(">u4").tobytes()))

    def rows(self) -> Iterator[Connection]:
        """Each as a value of its own: for as many as a person looks at."""
        return (self.row(number) for number in range(len(self)))

    def row(self, number: int) -> Connection:
        """One of them."""
        return Connection(
            family=int(self.family[number]),
            protocol=int(self.protocol[number]),
            addresses=(
                self.address(SOURCE, number),
                self.address(DESTINATION, number),
                self.address(REPLY_SOURCE, number),
                self.address(REPLY_DESTINATION, number),
            ),
            ports=tuple(self.ports[:, number].tolist()),
            zone=int(self.zone[number]),
            mark=int(self.mark[number]),
            status=int(self.status[number]),
            timeout=int(self.timeout[number]),
            state=int(self.state[number]),
            id=int(self.id[number]),
            packets=tuple(self.packets[:, number].tolist()),
            octets=tuple(self.octets[:, number].tolist()),
        )


def joined(parts: list[Connections]) -> Connections:
    """All rows of all parts."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Connections.empty(0)
    return Connections(
        *(
            np.concatenate([getattr(part, each.name) for part in parts], axis=-1)
            for each in fields(Connections)
        )
    )


def words_of(address: str) -> tuple[int, int, int, int, int]:
    """An address as its family and the four words that `Connections.addresses` has of it.

    Raises ValueError.
    """
    if ":" in address:
        packed = IPv6Address(address).packed
        words = [int.from_bytes(packed[at : at + 4]) for at in range(0, 16, 4)]
        return AF_INET6, words[0], words[1], words[2], words[3]
    return AF_INET, int(IPv4Address(address)), 0, 0, 0
