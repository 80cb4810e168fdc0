"""The matches of many flows as text, in bulk.

Flows of the same shape (the same fields in the same order) are written together: each field's
distinct values once, and what all have alike not at all. A firewall has a hundred shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    parts = [_values(block, at, size) for at, size in fields]
    parts.sort(key=lambda part: part[0][0].place)
    # The name of a protocol hangs on two fields: written by the flow, where they differ.
    many = [part for part in parts if len(part[0]) > 1]
    if any(part[0][0].field.name in ("dl_type", "nw_proto") for part in many):
        rows = zip(*(_spread(values, which) for values, which in parts), strict=True)
        return np.array([match.joined(list(row)) for row in rows], object)
    shape = match.joined([values[0] if len(values) == 1 else _HOLE for values, _ in parts])
    if not many:
        return np.full(len(block), shape, object)
    columns = (
        np.array([value.text for value in values], object)[which].tolist() for values, which in many
    )
    return np.array(list(map(shape.__mod__, zip(*columns, strict=True))), object)


_HOLE = match.Part(match.LAST, "%s", 0, None, match.NO_FIELD)


def _values(block: Column, at: int, size: int) -> tuple[list[match.Part], Column]:
    """A field's distinct values, and which of them each flow has."""
    inside = block[:, at + 4 : size]
    if (inside == inside[0]).all():
        return [match.part_of(block[0, at:size].tobytes())], np.zeros(len(block), np.intp)
    width = size - at - 4
    kind = _NUMBERS.get(width, np.dtype((np.void, width)))
    column = np.ascontiguousarray(inside).view(kind)[:, 0]
    _, first, which = np.unique(column, return_index=True, return_inverse=True)
    return [match.part_of(block[row, at:size].tobytes()) for row in first.tolist()], which


def _spread(values: list[match.Part], which: Column) -> list[match.Part]:
    return [values[number] for number in which.tolist()]
