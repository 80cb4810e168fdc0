"""The operations that run now, of this process and of any other, with their progress."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.widget import Widget

from console.widgets import words
from console.widgets.line import Line, Part

_LINES = 3
_BAR = 16


class Running(NamedTuple):
    """An operation at work. `step` is the last step's text, `progress` 0 to 1 or None; `ids` are of
    what it converges."""

    id: str
    verb: str
    target: str
    user: str
    started_at: float
    step: str
    position: int
    progress: float | None
    cancelling: bool
    ids: tuple[str, ...] = ()


class Tray(Widget):
    """A line for each of the first few; hidden while nothing runs."""

    DEFAULT_CSS = "Tray { height: auto; display: none; }"

    def __init__(self, name: str | None = None) -> None:
        super().__init__(id=name)
        self.running: Sequence[Running] = ()
        self._lines = [Line() for _ in range(_LINES)]

    def compose(self) -> ComposeResult:
        """The lines there may be."""
        yield from self._lines

    def update(self, running: Sequence[Running]) -> None:
        """These run now."""
        self.running = running
        self.display = bool(running)
        self.second()

    def second(self) -> None:
        """Time passes."""
        for index, line in enumerate(self._lines):
            line.display = index < len(self.running)
            if line.display:
                more = len(self.running) - _LINES if index == _LINES - 1 else 0
                line.show(*_parts(self.running[index], more))


def _parts(each: Running, more: int) -> list[Part]:
    share = (
        f"{words.bar(each.progress, _BAR)} {each.progress:.0%} "
        if each.progress is not None
        else ""
    )
    parts = [
        Part(" ▸ ", "strong"),
        Part(f"{each.verb} {each.target}", "strong"),
        Part(f"  {share}"),
        Part(f"step {each.position}: {each.step}" if each.step else "waits", "dim"),
        Part(f"  {int(time.time() - each.started_at)} s ", right=True),
    ]
    if each.cancelling:
        parts.append(Part("cancelling ", "warn"))
    else:
        parts.append(Part("x cancel ", "", f"cancel:{each.id}"))
    if more > 0:
        parts.append(Part(f"+{more} more ", "dim"))
    return parts
