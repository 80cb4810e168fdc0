"""Tables of `+---+` as OpenStack's client draws them, with the width that terminals give."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_LEAST = 8  # cells that a column keeps when a table is made to fit


def printable(text: str, keep: str = "\n") -> str:
    """The text with control characters spelled out, so that no name or log can steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign in keep or unicodedata.category(sign)[0] != "C" else repr(sign)[1:-1]
        for sign in text
    )


def cell_width(text: str) -> int:
    """How many cells a line of text takes (Unicode's UAX #11 for wide, marks for none)."""
    if text.isascii():
        return len(text)
    return sum(_sign_width(sign) for sign in text)


def draw(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], limit: int = 0
) -> str:
    """The table; `right` columns are flush right; `limit` (0: none) is the most cells of a line."""
    head = [[[printable(column)] for column in columns]]
    body = [[printable(cell).split("\n") for cell in row] for row in rows]
    widths = [
        max(cell_width(line) for row in (*head, *body) for line in row[index])
        for index in range(len(columns))
    ]
    if limit and sum(widths) + 3 * len(widths) + 1 > limit:
        widths = _shrunk(widths, limit - 3 * len(widths) - 1)
        head = [_wrapped(row, widths) for row in head]
        body = [_wrapped(row, widths) for row in body]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [rule, *_lines(head[0], widths, right), rule]
    for row in body:
        lines.extend(_lines(row, widths, right))
    lines.append(rule)
    return "\n".join(lines) + "\n"


def _sign_width(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _lines(row: Sequence[list[str]], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    found = []
    for index in range(max(len(cell) for cell in row)):
        parts = []
        for cell, width, flush in zip(row, widths, right, strict=True):
            text = cell[index] if index < len(cell) else ""
            gap = " " * (width - cell_width(text))
            parts.append(gap + text if flush else text + gap)
        found.append("| " + " | ".join(parts) + " |")
    return found


def _shrunk(widths: Sequence[int], room: int) -> list[int]:
    """Take from the widest until it fits, or until all are narrow."""
    found = list(widths)
    while sum(found) > room and max(found) > _LEAST:
        found[found.index(max(found))] -= 1
    return found


def _wrapped(row: Sequence[list[str]], widths: Sequence[int]) -> list[list[str]]:
    return [
        [part for line in cell for part in _wrap(line, width)]
        for cell, width in zip(row, widths, strict=True)
    ]


def _wrap(line: str, width: int) -> list[str]:
    """Pieces of at most `width` cells, cut after a space where there is one."""
    pieces = []
    while cell_width(line) > width:
        end, used = 0, 0
        while end < len(line) and used + _sign_width(line[end]) <= width:
            used += _sign_width(line[end])
            end += 1
        end = max(end, 1)
        space = line.rfind(" ", 1, end + 1)
        if space > 0:
            pieces.append(line[:space])
            line = line[space + 1 :]
        else:
            pieces.append(line[:end])
            line = line[end:]
    return [*pieces, line]
