"""A table's columns: what each shows of a row, and how wide it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

GAP = 1


def plain(_item: Any) -> str:
    """The tone of what needs no attention."""
    return ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `text`, `tone` and `order` get the row's item.

    `letter` sorts by it (with shift); `width` in cells is what it needs, `most` what it takes where
    there is room. A tone is one of `good`, `warn`, `bad`, `dim`, or empty.
    """

    id: str
    title: str
    text: Callable[[Any], str]
    width: int
    most: int = 0
    letter: str = ""
    tone: Callable[[Any], str] = plain
    order: Callable[[Any], Any] | None = None
    right: bool = False

    def key(self, item: Any) -> Any:
        """What a row is sorted by."""
        return self.text(item).casefold() if self.order is None else self.order(item)


def widths(columns: Sequence[Column], room: int) -> list[int]:
    """The width of each column: what it needs, and a share of what `room` leaves.

    Depends on nothing that the rows hold, so no row can move another's cells.
    """
    found = [column.width for column in columns]
    spare = room - sum(found) - GAP * len(columns)
    while spare > 0:
        hungry = [index for index, column in enumerate(columns) if found[index] < column.most]
        if not hungry:
            break
        for index in hungry[:spare]:
            share = max(1, spare // len(hungry))
            more = min(share, columns[index].most - found[index])
            found[index] += more
        spare = room - sum(found) - GAP * len(columns)
    return found
