"""The matches of many flows as text, in bulk.

Flows of the same shape (the same fields in the same order) are written together: each field's
distinct values once, and what all have alike not at all. A firewall has a hundred shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.drivers.ovs import match

Column = NDArray[Any]

# A shape of fewer flows is not worth the set-up, and a table of so many shapes is no firewall's.
_FEW, _SHAPES = 8, 200
_NUMBERS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def texts(raw: bytes, start: Column, end: Column) -> list[str]:
    """The matches between these places of `raw`, as `match.text_of` writes each."""
    found = np.empty(len(start), object)
    octets = np.frombuffer(raw, np.uint8)
    lengths = end - start
    for length in np.unique(lengths).tolist():
        _of_length(raw, octets, np.flatnonzero(lengths == length), start, length, found)
    written: list[str] = found.tolist()
    return written


def _of_length(
    raw: bytes, octets: Column, rows: Column, start: Column, length: int, found: Column
) -> None:
    for _ in range(_SHAPES):
        if len(rows) < _FEW or not length:
            break
        first = int(start[rows[0]])
        fields = _fields(raw[first : first + length])
        block = octets[start[rows][:, None] + np.arange(length)]
        heads = np.concatenate([np.arange(at, at + 4) for at, _ in fields])
        fits = (block[:, heads] == block[0, heads]).all(axis=1)
        found[rows[fits]] = _of_shape(block[fits], fields)
        rows = rows[~fits]
    for row in rows.tolist():
        at = int(start[row])
        found[row] = match.text_of(raw[at : at + length])


def _fields(entry: bytes) -> list[tuple[int, int]]:
    """Where each field of an OXM list begins and ends."""
    found, at = [], 0
    while at < len(entry):
        size = at + 4 + entry[at + 3]
        found.append((at, size))
        at = size
    return found


def _of_shape(block: Column, fields: Sequence[tuple[int, int]]) -> Column:
    """The texts of flows whose bytes are the rows of `block`."""
    found = [_values(block, at, size) for at, size in fields]
    found.sort(key=lambda each: each.first.place)
    # The name of a protocol hangs on two fields: written by the flow, where they differ.
    many = [each for each in found if len(each.entries) > 1]
    if any(each.first.field.name in ("dl_type", "nw_proto") for each in many):
        rows = zip(*(_spread(each) for each in found), strict=True)
        return np.array([match.joined(list(row)) for row in rows], object)
    shape = match.joined([each.first if len(each.entries) == 1 else _HOLE for each in found])
    if not many:
        return np.full(len(block), shape, object)
    columns = (np.array(match.texts_of(each.entries), object)[each.which].tolist() for each in many)
    return np.array(list(map(shape.__mod__, zip(*columns, strict=True))), object)


class _Values(NamedTuple):
    """A field's distinct values off the wire, the first as a part, and which each flow has."""

    first: match.Part
    entries: list[bytes]
    which: Column


_HOLE = match.Part(match.LAST, "%s", 0, None, match.NO_FIELD)


def _values(block: Column, at: int, size: int) -> _Values:
    inside = block[:, at + 4 : size]
    rows, which = np.zeros(1, np.intp), np.zeros(len(block), np.intp)
    if not (inside == inside[0]).all():
        width = size - at - 4
        kind = _NUMBERS.get(width, np.dtype((np.void, width)))
        column = np.ascontiguousarray(inside).view(kind)[:, 0]
        _, rows, which = np.unique(column, return_index=True, return_inverse=True)
    raw, width = block[rows, at:size].tobytes(), size - at
    entries = [raw[start : start + width] for start in range(0, len(raw), width)]
    return _Values(match.part_of(entries[0]), entries, which)


def _spread(values: _Values) -> list[match.Part]:
    parts = [match.part_of(entry) for entry in values.entries]
    return [parts[number] for number in values.which.tolist()]
