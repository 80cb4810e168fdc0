"""Which part of the terminal's lines is marked for copying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.widgets.vt.paint import text_of
from console.widgets.vt.screen import Line

# A line's absolute number and a column.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Selection:
    """From where the mouse went down to where it is, both included."""

    anchor: Place
    head: Place

    @property
    def ends(self) -> tuple[Place, Place]:
        """First and last place, in the order of the text."""
        return min(self.anchor, self.head), max(self.anchor, self.head)

    def columns(self, number: int, width: int) -> range:
        """The marked columns of a line."""
        (first, start), (last, end) = self.ends
        if not first <= number <= last or self.anchor == self.head:
            return range(0)
        return range(start if number == first else 0, end + 1 if number == last else width)

    def text(self, line: Callable[[int], Line], width: int) -> str:
        """What is marked, line by line."""
        (first, _), (last, _) = self.ends
        texts = []
        for number in range(first, last + 1):
            marked = self.columns(number, width)
            texts.append(text_of(line(number)[marked.start : marked.stop]))
        return "\n".join(texts)
