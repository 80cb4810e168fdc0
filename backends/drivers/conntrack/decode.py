"""Connections off netlink into columns, in bulk.

Messages of the same shape (the same attributes at the same places) are decoded together: one of
them is parsed, and its places are read of all. A table of a million has a handful of shapes. The
attributes are those of nfnetlink_conntrack.h; numbers are big-endian, lengths are the machine's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backends.drivers.conntrack.netlink import CT_DELETE, CT_NEW, HEADER, NESTED
from backends.drivers.conntrack.table import Column, Connections

_KIND = NESTED - 1
# A path of attribute numbers: the column it fills, its place in it, and its width in bytes.
_SIDE = {1: (0, 1), 2: (2, 3)}
_FIELDS: dict[tuple[int, ...], tuple[str, int, int]] = {
    (3,): ("status", 0, 4),
    (7,): ("timeout", 0, 4),
    (8,): ("mark", 0, 4),
    (12,): ("id", 0, 4),
    (18,): ("zone", 0, 2),
    (4, 1, 1): ("state", 0, 1),
    (4, 2, 1): ("state", 0, 1),
    (4, 3, 1): ("state", 0, 1),
    (9, 1): ("packets", 0, 8),
    (9, 2): ("octets", 0, 8),
    (10, 1): ("packets", 1, 8),
    (10, 2): ("octets", 1, 8),
    (1, 2, 1): ("protocol", 0, 1),
}
for _tuple, (_source, _destination) in _SIDE.items():
    _FIELDS |= {
        (_tuple, 1, 1): ("addresses", _source, 4),
        (_tuple, 1, 2): ("addresses", _destination, 4),
        (_tuple, 1, 3): ("addresses", _source, 16),
        (_tuple, 1, 4): ("addresses", _destination, 16),
        (_tuple, 2, 2): ("ports", _source, 2),
        (_tuple, 2, 3): ("ports", _destination, 2),
        (_tuple, 2, 4): ("ports", _source, 2),
        (_tuple, 2, 5): ("ports", _destination, -1),
        (_tuple, 2, 6): ("ports", _destination, 1),
        (_tuple, 2, 7): ("ports", _source, 2),
        (_tuple, 2, 8): ("ports", _destination, -1),
        (_tuple, 2, 9): ("ports", _destination, 1),
        (_tuple, 3): ("zone", 0, 2),
    }
# Attributes that hold others which are wanted.
_INSIDE = {path[:depth] for path in _FIELDS for depth in range(1, len(path))}
_HIGH_BYTE = -1


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the attributes of a message are, in words from its start; `headers` prove it."""

    at: Column
    headers: Column
    fields: tuple[tuple[str, int, int, int], ...]


class Decoder:
    """Takes buffers full of messages; `connections` is what they held."""

    def __init__(self, expected: int = 0) -> None:
        self._table = Connections.empty(max(1024, expected))
        self._filled = 0
        self._shapes: dict[int, list[_Shape]] = {}

    def connections(self) -> Connections:
        """All that was taken so far."""
        return self._table.take(slice(0, self._filled))

    def take(self, buffer: bytearray, size: int) -> None:
        """Decode the messages in the first `size` bytes."""
        starts = _starts(memoryview(buffer)[:size].cast("I"))
        if not starts:
            return
        at = np.array(starts, np.intp)
        words = np.frombuffer(buffer, np.uint32, size // 4)
        self._make_room(len(at))
        lengths = words[at]
        for length in set(lengths.tolist()):
            self._take_length(words, at[lengths == length], int(length))

    def _take_length(self, words: Column, at: Column, length: int) -> None:
        """Messages of one length; they may be of several shapes."""
        shapes = self._shapes.setdefault(length, [])
        known = iter(list(shapes))
        while len(at):
            shape = next(known, None)
            if shape is None:
                shape = _shape(words[at[0] : at[0] + -(-length // 4)].tobytes())
                shapes.append(shape)
            fits = (words[at[:, None] + shape.at] == shape.headers).all(axis=1)
            if fits.all():
                self._take_shape(words, at, shape)
                return
            self._take_shape(words, at[fits], shape)
            at = at[~fits]

    def _take_shape(self, words: Column, at: Column, shape: _Shape) -> None:
        if not len(at):
            return
        begin, end = self._filled, self._filled + len(at)
        table = self._table
        # nfgenmsg's first byte, after nlmsghdr.
        table.family[begin:end] = _bytes_of(words)[at * 4 + 16]
        for name, place, width, where in shape.fields:
            column = getattr(table, name)
            if width == 4:
                target = column[place, 0] if name == "addresses" else column
                target[begin:end] = words[at + where].byteswap()
            elif width == 16:
                for word in range(4):
                    column[place, word, begin:end] = words[at + (where + word)].byteswap()
            elif width == 8:
                high = words[at + where].byteswap().astype(np.uint64)
                low = words[at + (where + 1)].byteswap()
                column[place, begin:end] = high << np.uint64(32) | low
            else:
                target = column[place] if column.ndim == 2 else column
                self._take_short(target[begin:end], words, at, width, where)
        self._filled = end

    def _take_short(
        self, target: Column, words: Column, at: Column, width: int, where: int
    ) -> None:
        if width == 2:
            target[:] = words.view(np.uint16)[(at + where) * 2].byteswap()
        elif width == _HIGH_BYTE:
            target |= _bytes_of(words)[(at + where) * 4].astype(np.uint16) << np.uint16(8)
        else:
            target |= _bytes_of(words)[(at + where) * 4]

    def _make_room(self, rows: int) -> None:
        if self._filled + rows > len(self._table):
            room = max(self._filled + rows, len(self._table) * 3 // 2)
            self._table = self._table.take(slice(0, self._filled)).grown(room)


def _bytes_of(words: Column) -> Column:
    return words.view(np.uint8)


def _starts(words: memoryview[int]) -> list[int]:
    """Where the messages about connections begin, in words."""
    starts = []
    at, end = 0, len(words)
    shift, mask = (0, 0xFFFF) if sys.byteorder == "little" else (16, 0xFFFF0000)
    wanted = (CT_NEW << shift, CT_DELETE << shift)
    while at < end:
        if words[at + 1] & mask in wanted:
            starts.append(at)
        at += words[at] + 3 >> 2
    return starts


def _shape(message: bytes) -> _Shape:
    """The shape of a message, whole words of it."""
    at, headers, found = [], [], []
    numbers = np.frombuffer(message, np.uint32)
    for path, start in _walk(message, HEADER, int(numbers[0]), ()):
        at.append(start // 4)
        headers.append(numbers[start // 4])
        if path in _FIELDS:
            found.append((*_FIELDS[path], start // 4 + 1))
    return _Shape(np.array(at, np.intp), np.array(headers, np.uint32), tuple(found))


def _walk(
    message: bytes, start: int, end: int, path: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Every attribute's path and place, also inside those that are looked into."""
    while start + 4 <= end:
        length = int.from_bytes(message[start : start + 2], sys.byteorder)
        kind = int.from_bytes(message[start + 2 : start + 4], sys.byteorder) & _KIND
        if length < 4:
            return
        here = (*path, kind)
        yield here, start
        if here in _INSIDE:
            yield from _walk(message, start + 4, start + length, here)
        start += length + 3 & ~3
