"""Many lines of text that scroll, with a cursor where lines can be opened."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.widgets.cells import clean
from console.widgets.textline import TextLine, plain_line

__all__ = ["Lines", "TextLine", "plain_line"]

_TONES = ("good", "warn", "bad", "dim", "strong")


class Lines(ScrollView, can_focus=True):
    """Text that is read: describe, YAML, logs, the topology. Draws the lines that are seen."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"lines--cursor", "lines--found", *(f"lines--{tone}" for tone in _TONES)}
    BINDINGS = [
        Binding("up,k", "move(-1)", show=False, id="text.up"),
        Binding("down,j", "move(1)", show=False, id="text.down"),
        Binding("pageup,ctrl+b", "page(-1)", show=False, id="text.page_up"),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False, id="text.page_down"),
        Binding("home,g", "jump(0)", show=False, id="text.top"),
        Binding("end,G", "jump(-1)", show=False, id="text.bottom"),
        Binding("left", "slide(-8)", show=False, id="text.left"),
        Binding("right", "slide(8)", show=False, id="text.right"),
        Binding("enter", "open", show=False, id="text.open"),
    ]

    class Opened(Message):
        """Enter or a double click on a line with a key."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """Another key is under the cursor."""

    def __init__(self, *, cursor: bool = False) -> None:
        super().__init__()
        self.lines: Sequence[TextLine] = ()
        self._with_cursor = cursor
        self._cursor = 0
        self._pattern: re.Pattern[str] | None = None

    def update(self, lines: Sequence[TextLine], *, end: bool = False) -> None:
        """Show these lines; at their `end` where it was at the end before."""
        if tuple(lines) == tuple(self.lines):
            return
        follow = end and self.scroll_offset.y >= self.max_scroll_y
        old, self.lines = self.lines, tuple(lines)
        size = Size(max((cell_len(line.text) for line in lines), default=0) + 1, len(lines))
        if size != self.virtual_size:
            self.virtual_size = size
        self._keep_cursor(old)
        for y in range(self.size.height):
            row = self.scroll_offset.y + y
            if self._at(old, row) != self._at(self.lines, row):
                self.refresh(Region(0, y, self.size.width, 1))
        if follow:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def find(self, text: str) -> int:
        """Show where a regular expression matches; returns in how many lines."""
        try:
            self._pattern = re.compile(text, re.IGNORECASE) if text else None
        except re.error:
            self._pattern = re.compile(re.escape(text), re.IGNORECASE)
        self.refresh()
        if self._pattern is None:
            return 0
        hits = [row for row, line in enumerate(self.lines) if self._pattern.search(line.text)]
        if hits:
            self._cursor = next((row for row in hits if row >= self.scroll_offset.y), hits[0])
            self._into_view()
        return len(hits)

    @property
    def key(self) -> str:
        """The key of the line under the cursor."""
        line = self._at(self.lines, self._cursor)
        return line.key if line else ""

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        scroll, width = self.scroll_offset, self.size.width
        row = scroll.y + y
        line = self._at(self.lines, row)
        base = self.rich_style
        if line is None:
            return Strip.blank(width, base)
        chosen = self._with_cursor and row == self._cursor
        if chosen:
            base = self.get_component_rich_style("lines--cursor")
        elif self._pattern is not None and self._pattern.search(line.text):
            base = self.get_component_rich_style("lines--found")
        # Tones are chosen for the panel's ground: on the cursor's some could not be read.
        segments = [
            Segment(clean(text), base if chosen else base + self._tone(tone))
            for text, tone in line.spans
        ]
        return Strip(segments).crop(scroll.x, scroll.x + width).extend_cell_length(width, base)

    def action_move(self, by: int) -> None:
        """Move the cursor, or scroll, by lines."""
        if self._with_cursor:
            self._move_to(self._cursor + by)
        else:
            self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def action_page(self, by: int) -> None:
        """Move by screens."""
        step = by * max(1, self.size.height - 1)
        if self._with_cursor:
            self._move_to(self._cursor + step)
        else:
            self.scroll_to(y=self.scroll_offset.y + step, animate=False)

    def action_jump(self, row: int) -> None:
        """Move to the first (0) or last (-1) line."""
        last = len(self.lines) - 1
        if self._with_cursor:
            self._move_to(last if row < 0 else row)
        else:
            self.scroll_to(y=self.max_scroll_y if row < 0 else row, animate=False)

    def action_slide(self, by: int) -> None:
        """Scroll sideways by cells."""
        self.scroll_to(x=self.scroll_offset.x + by, animate=False)

    def action_open(self) -> None:
        """Open the line under the cursor."""
        if self.key:
            self.post_message(self.Opened(self.key))

    def on_click(self, event: events.Click) -> None:
        """A click chooses a line; the second opens it."""
        if self._with_cursor:
            self._move_to(self.scroll_offset.y + event.y)
            if event.chain == 2:
                self.action_open()

    def _move_to(self, row: int) -> None:
        before, key = self._cursor, self.key
        self._cursor = max(0, min(row, len(self.lines) - 1))
        if self.key != key:
            self.post_message(self.Moved())
        for each in {before, self._cursor}:
            self.refresh_line(each)
        self._into_view()

    def _into_view(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def _keep_cursor(self, old: Sequence[TextLine]) -> None:
        """The cursor stays on the line it was on, known by its key; several may have one."""
        was = self._at(old, self._cursor)
        if was is not None and was.key:
            same = [row for row, line in enumerate(self.lines) if line.key == was.key]
            if same:
                self._cursor = min(same, key=lambda row: abs(row - self._cursor))
                return
        self._cursor = max(0, min(self._cursor, len(self.lines) - 1))

    @staticmethod
    def _at(lines: Sequence[TextLine], row: int) -> TextLine | None:
        return lines[row] if 0 <= row < len(lines) else None

    def _tone(self, tone: str) -> Style:
        if not tone:
            return Style.null()
        style = self.get_component_rich_style(f"lines--{tone}")
        return Style(color=style.color, bold=style.bold, dim=style.dim)
