"""One line of the screen, whose parts can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.widgets.cells import clean, fit

from rich.cells import cell_len  # isort: skip

TONES = ("good", "warn", "bad", "dim", "strong", "here")


class Part(NamedTuple):
    """A piece of a line; `target` is what a click on it asks for. `right` begins the right end."""

    text: str
    tone: str = ""
    target: str = ""
    right: bool = False


class Line(Widget):
    """Shows parts one after the other; parts from the first `right` one on stand at the end.

    Repainted only when it shows something else. What does not fit is cut on the left side's end.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {f"line--{tone}" for tone in TONES}
    DEFAULT_CSS = "Line { height: 1; }"

    class Clicked(Message):
        """A part with a target was clicked."""

        def __init__(self, target: str) -> None:
            super().__init__()
            self.target = target

    def __init__(self, name: str | None = None, *, parts: Sequence[Part] = ()) -> None:
        super().__init__(id=name)
        self._parts = tuple(parts)
        self._spans: list[tuple[int, int, str]] = []

    @property
    def text(self) -> str:
        """What it shows, without its tones."""
        return "".join(part.text for part in self._parts)

    def show(self, *parts: Part) -> None:
        """Show these parts from now on."""
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line, in the width there is."""
        width, base = self.size.width, self.rich_style
        left, right = self._sides()
        room = max(0, width - sum(cell_len(clean(part.text)) for part in right))
        segments: list[Segment] = []
        self._spans = []
        x = self._lay(left, 0, room, segments)
        segments.append(Segment(" " * (room - x), base))
        self._lay(right, room, width, segments)
        return Strip(segments).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        """Tell whose part was clicked."""
        for start, end, target in self._spans:
            if start <= event.x < end:
                self.post_message(self.Clicked(target))

    def _sides(self) -> tuple[Sequence[Part], Sequence[Part]]:
        for index, part in enumerate(self._parts):
            if part.right:
                return self._parts[:index], self._parts[index:]
        return self._parts, ()

    def _lay(self, parts: Sequence[Part], x: int, end: int, segments: list[Segment]) -> int:
        for part in parts:
            text = clean(part.text)
            wide = cell_len(text)
            if x + wide > end:
                text, wide = fit(text, end - x), end - x
            if wide <= 0:
                break
            segments.append(Segment(text, self._style(part.tone)))
            if part.target:
                self._spans.append((x, x + wide, part.target))
            x += wide
        return x

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"line--{tone}") if tone else self.rich_style
