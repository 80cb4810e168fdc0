"""A bridge's flows in columns; what each matches and does is decoded when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.drivers.ovs import bulk
from backends.drivers.ovs.actions import text_of as action_text
from backends.drivers.ovs.match import Match, match_of
from backends.drivers.ovs.match import text_of as match_text

# ofp_flow_stats: what stands before the match.
_STATS = np.dtype(
    [
        ("length", ">u2"),
        ("table", "u1"),
        ("pad", "u1"),
        ("seconds", ">u4"),
        ("nanoseconds", ">u4"),
        ("priority", ">u2"),
        ("idle", ">u2"),
        ("hard", ">u2"),
        ("flags", ">u2"),
        ("importance", ">u2"),
        ("pad2", ">u2"),
        ("cookie", ">u8"),
        ("packets", ">u8"),
        ("octets", ">u8"),
        ("match_type", ">u2"),
        ("match_length", ">u2"),
    ]
)
_MATCH = 48
Column = NDArray[Any]


class Flow(NamedTuple):
    """One flow. `age` in seconds; `idle` and `hard` are timeouts in seconds, 0 for none.

    `match` and `actions` are in ovs-ofctl's words.
    """

    table: int
    priority: int
    cookie: int
    packets: int
    octets: int
    age: float
    idle: int
    hard: int
    match: str
    actions: str


class FlowTable:
    """Columns of equal length, a row a flow, in the order that the switch told them."""

    def __init__(self, raw: bytes, parts: Sequence[tuple[int, int]]) -> None:
        """`parts` are the stretches of `raw` that hold nothing but ofp_flow_stats."""
        self._raw = raw
        starts: list[int] = []
        for at, end in parts:
            while at < end:
                starts.append(at)
                at += raw[at] << 8 | raw[at + 1]
        self._at = np.array(starts, np.intp)
        rows = np.empty((len(starts), _STATS.itemsize), np.uint8)
        if starts:
            windows = np.lib.stride_tricks.sliding_window_view(
                np.frombuffer(raw, np.uint8), _STATS.itemsize
            )
            rows[:] = windows[self._at]
        stats = rows.view(_STATS)[:, 0] if starts else np.empty(0, _STATS)
        self.table: Column = stats["table"]
        self.priority: Column = stats["priority"].astype(np.uint16)
        self.cookie: Column = stats["cookie"].astype(np.uint64)
        self.packets: Column = stats["packets"].astype(np.uint64)
        self.octets: Column = stats["octets"].astype(np.uint64)
        self.age: Column = stats["seconds"] + stats["nanoseconds"] / 1e9
        self.idle: Column = stats["idle"].astype(np.uint16)
        self.hard: Column = stats["hard"].astype(np.uint16)
        self._match_length = stats["match_length"].astype(np.intp)
        self._length = stats["length"].astype(np.intp)

    def __len__(self) -> int:
        return len(self._at)

    def raw_match(self, row: int) -> bytes:
        """The OXM fields of a flow."""
        start = int(self._at[row]) + _MATCH
        return self._raw[start + 4 : start + int(self._match_length[row])]

    def raw_actions(self, row: int) -> bytes:
        """The instructions of a flow."""
        start = int(self._at[row])
        padded = int(self._match_length[row]) + 7 & ~7
        return self._raw[start + _MATCH + padded : start + int(self._length[row])]

    def fields(self, row: int) -> Match:
        """What a flow matches, by field."""
        return match_of(self.raw_match(row))

    def match(self, row: int) -> str:
        """The same in ovs-ofctl's words, without the priority."""
        return match_text(self.raw_match(row))

    def actions(self, row: int) -> str:
        """What a flow does, in ovs-ofctl's words."""
        return action_text(self.raw_actions(row))

    def row(self, row: int) -> Flow:
        """One of them, decoded."""
        return Flow(
            int(self.table[row]),
            int(self.priority[row]),
            int(self.cookie[row]),
            int(self.packets[row]),
            int(self.octets[row]),
            float(self.age[row]),
            int(self.idle[row]),
            int(self.hard[row]),
            self.match(row),
            self.actions(row),
        )

    def rows(self) -> Iterator[Flow]:
        """All of them, decoded; cheaper than one by one."""
        raw = self._raw
        begin = self._at + _MATCH
        matches = bulk.texts(raw, begin + 4, begin + self._match_length)
        does = begin + (self._match_length + 7 & ~7)
        ends = self._at + self._length
        done = [
            action_text(raw[at:end]) for at, end in zip(does.tolist(), ends.tolist(), strict=True)
        ]
        columns = (
            self.table, self.priority, self.cookie, self.packets, self.octets, self.age,
            self.idle, self.hard,
        )  # fmt: skip
        numbers = [column.tolist() for column in columns]
        return map(Flow._make, zip(*numbers, matches, done, strict=True))

    def keys(self) -> list[bytes]:
        """What tells each flow from every other of its bridge: table, priority and match."""
        heads = self.table.astype(np.uint32) << np.uint32(16) | self.priority
        starts = self._at + _MATCH
        ends = starts + self._match_length
        raw = self._raw
        return [
            head.to_bytes(3) + raw[start:end]
            for head, start, end in zip(heads.tolist(), starts.tolist(), ends.tolist(), strict=True)
        ]
