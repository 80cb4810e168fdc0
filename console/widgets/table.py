"""A table that lives: of thousands of rows only what is seen and changed is sent.

Textual repaints whole spans, and one widget a row does not scale. So this draws lines itself, knows
what each line shows, and repaints the cells that show something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.beside import beside
from console.widgets.arrange import View, arrange
from console.widgets.cells import clean, fit
from console.widgets.column import GAP, Column, widths

# From this many rows on, filtering and sorting happen beside the event loop.
_MANY = 2000
_MARGIN = 1  # the cell in which a row's mark is shown
_TONES = ("good", "warn", "bad", "dim")


class Painting(NamedTuple):
    """What one line shows."""

    key: str
    cells: tuple[str, ...]
    tones: tuple[str, ...]
    cursor: bool
    marked: bool


class LiveTable(ScrollView, can_focus=True):
    """Rows of items, each known by its key. The items are shown by columns of fixed width."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {
        "table--header",
        "table--cursor",
        "table--marked",
        *(f"table--{tone}" for tone in _TONES),
    }
    BINDINGS = [
        Binding("up,k", "move(-1)", show=False, id="table.up"),
        Binding("down,j", "move(1)", show=False, id="table.down"),
        Binding("pageup,ctrl+b", "page(-1)", show=False, id="table.page_up"),
        Binding("pagedown,ctrl+f", "page(1)", show=False, id="table.page_down"),
        Binding("home,g", "jump(0)", show=False, id="table.top"),
        Binding("end,G", "jump(-1)", show=False, id="table.bottom"),
        Binding("left", "slide(-8)", show=False, id="table.left"),
        Binding("right", "slide(8)", show=False, id="table.right"),
        Binding("enter", "open", show=False, id="table.open"),
        Binding("space", "mark", show=False, id="table.mark"),
    ]

    class Opened(Message):
        """Enter or a double click on a row."""

        def __init__(self, item: Any) -> None:
            super().__init__()
            self.item = item

    class Changed(Message):
        """What is shown, marked or asked for is another now."""

    class _Arranged(Message):
        def __init__(self, asked: object, rows: list[Any]) -> None:
            super().__init__()
            self.asked = asked
            self.rows = rows

    def __init__(
        self, columns: Sequence[Column], key: Callable[[Any], str], *, view: View | None = None
    ) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.view = view or View()
        self.items: Sequence[Any] = ()
        self.rows: list[Any] = []
        self.marked: set[str] = set()
        self._key_of = key
        self._index: dict[str, int] = {}
        self._cursor = 0
        self._cursor_key = ""
        self._drawn: dict[int, Painting] = {}
        self._widths: list[int] = widths(self.columns, 0)
        self._styles_of: dict[str, Style] = {}
        self._asked: object = None
        # Said where the first row would be while there is none.
        self.hint = ""

    # What is shown

    def update(self, items: Sequence[Any]) -> None:
        """These are the rows now. Cursor, marks, filter and sort stay, by key."""
        self.items = items
        self._rearrange()

    def look(self, view: View) -> None:
        """Filter and sort otherwise."""
        if view != self.view:
            self.view = view
            self._rearrange()

    def sort(self, column_id: str) -> None:
        """Sort by a column; once more turns it round."""
        again = self.view.sort == column_id
        reverse = not self.view.reverse if again else False
        self.look(View(self.view.filter, column_id, reverse))
        self.refresh(Region(0, 0, self.size.width, 1))

    def tick(self) -> None:
        """Repaint the cells that show something else than what they should by now (ages, rates)."""
        scroll = self.scroll_offset
        for y in range(1, self.size.height):
            row = scroll.y + y - 1
            drawn = self._drawn.get(y)
            if row >= len(self.rows):
                if drawn is not None:
                    self.refresh(Region(0, y, self.size.width, 1))
                continue
            painting = self._painting(row)
            if drawn != painting:
                self._repaint(y, drawn, painting, scroll.x)

    @property
    def item(self) -> Any | None:
        """The row under the cursor."""
        return self.rows[self._cursor] if self._cursor < len(self.rows) else None

    @property
    def selection(self) -> list[Any]:
        """The marked rows, or the one under the cursor."""
        if self.marked:
            return [item for item in self.items if self._key_of(item) in self.marked]
        return [] if self.item is None else [self.item]

    @property
    def in_view(self) -> list[Any]:
        """The rows on the screen now."""
        top = self.scroll_offset.y
        return self.rows[top : top + max(0, self.size.height - 1)]

    def unmark(self) -> None:
        """Mark nothing."""
        if self.marked:
            self.marked.clear()
            self.tick()
            self.post_message(self.Changed())

    def point_at(self, key: str) -> None:
        """Put the cursor on a row, now or when it comes."""
        self._cursor_key = key
        if key in self._index:
            self._move_to(self._index[key])

    def _rearrange(self) -> None:
        self._asked = asked = object()
        if len(self.items) < _MANY or not (self.view.filter or self.view.sort):
            self._place(arrange(self.items, self.columns, self.view))
            return
        beside(self, partial(self._arrange_beside, asked, self.items, self.view))

    def _arrange_beside(self, asked: object, items: Sequence[Any], view: View) -> Message:
        return self._Arranged(asked, arrange(items, self.columns, view))

    @on(_Arranged)
    def _take_arranged(self, message: _Arranged) -> None:
        message.stop()
        if message.asked is self._asked:
            self._place(message.rows)

    def _place(self, rows: list[Any]) -> None:
        before, top = self._cursor, self.scroll_offset.y
        self.rows = rows
        self._index = {self._key_of(item): row for row, item in enumerate(rows)}
        if self.marked:
            self.marked &= {self._key_of(item) for item in self.items}
        row = self._index.get(self._cursor_key, min(before, max(0, len(rows) - 1)))
        self._cursor = row
        self._note_cursor()
        self._fit()
        if row != before and top <= before < top + self.size.height - 1:
            # The cursor stays where it is on the screen; the rows move under it.
            self.scroll_to(y=top + row - before, animate=False)
        self.tick()
        if not rows:
            self.refresh(Region(0, 1, self.size.width, 1))
        self.post_message(self.Changed())

    def _fit(self) -> None:
        room = self.size.width - _MARGIN
        self._widths = widths(self.columns, room)
        wide = _MARGIN + sum(self._widths) + GAP * (len(self._widths) - 1)
        size = Size(wide, len(self.rows) + 1)
        if size != self.virtual_size:
            self.virtual_size = size

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the header, a row, or nothing."""
        width, scroll = self.size.width, self.scroll_offset
        base = self.rich_style
        if y == 0:
            strip = self._header()
            base = self._style("table--header")
        else:
            row = scroll.y + y - 1
            if row >= len(self.rows):
                self._drawn.pop(y, None)
                return self._empty(y, width)
            painting = self._painting(row)
            self._drawn[y] = painting
            strip, base = self._strip(painting)
        shown = strip.crop(scroll.x, scroll.x + width).extend_cell_length(width, base)
        if y == 0 and self.virtual_size.width > scroll.x + width:
            more = Strip([Segment("›", base)])
            return Strip.join([shown.crop(0, width - 1), more])
        return shown

    def _empty(self, y: int, width: int) -> Strip:
        if y != 1 or self.rows or not self.hint:
            return Strip.blank(width, self.rich_style)
        style = self.rich_style + self._tone("dim")
        return Strip([Segment(fit(f" {self.hint}", width), style)])

    def _painting(self, row: int) -> Painting:
        item = self.rows[row]
        key = self._key_of(item)
        cells = tuple(
            fit(clean(column.text(item)), width, right=column.right)
            for column, width in zip(self.columns, self._widths, strict=True)
        )
        tones = tuple(column.tone(item) for column in self.columns)
        return Painting(key, cells, tones, row == self._cursor, key in self.marked)

    def _strip(self, painting: Painting) -> tuple[Strip, Style]:
        base = self._row_style(painting)
        segments: list[Segment] = []
        text, style = "*" if painting.marked else " ", base
        for index, (cell, tone) in enumerate(zip(painting.cells, painting.tones, strict=True)):
            own = base + self._tone(tone) if tone and not painting.cursor else base
            gap = " " * GAP if index else ""
            # Cells of one style are one segment: each costs the terminal some 40 bytes.
            if own == style:
                text += gap + cell
            else:
                segments.append(Segment(text + gap, style))
                text, style = cell, own
        segments.append(Segment(text, style))
        return Strip(segments), base

    def _header(self) -> Strip:
        style = self._style("table--header")
        parts = []
        for column, width in zip(self.columns, self._widths, strict=True):
            title = column.title
            if column.id == self.view.sort:
                title += "↓" if self.view.reverse else "↑"
            parts.append(fit(title, width, right=column.right))
        return Strip([Segment(" " + (" " * GAP).join(parts), style)])

    def _repaint(self, y: int, drawn: Painting | None, painting: Painting, scroll_x: int) -> None:
        """Ask for the cells of a line that differ."""
        if drawn is None or drawn[3:] != painting[3:] or drawn.key != painting.key:
            self.refresh(Region(0, y, self.size.width, 1))
            return
        start, end, x = None, 0, _MARGIN
        pairs = zip(drawn.cells, drawn.tones, painting.cells, painting.tones, strict=True)
        for width, (cell, tone, new_cell, new_tone) in zip(self._widths, pairs, strict=True):
            if cell != new_cell or tone != new_tone:
                start, end = x if start is None else start, x + width
            x += width + GAP
        left = max(0, (start or 0) - scroll_x)
        right = min(self.size.width, end - scroll_x)
        if right > left:
            self.refresh(Region(left, y, right - left, 1))
        else:
            self._drawn[y] = painting

    def _row_style(self, painting: Painting) -> Style:
        if painting.cursor:
            return self._style("table--cursor")
        return self._style("table--marked") if painting.marked else self.rich_style

    def _tone(self, tone: str) -> Style:
        """Only the colour of the text: what is under it stays."""
        style = self._style(f"table--{tone}")
        return Style(color=style.color, bold=style.bold, dim=style.dim)

    def _style(self, name: str) -> Style:
        if name not in self._styles_of:
            self._styles_of[name] = self.get_component_rich_style(name)
        return self._styles_of[name]

    def notify_style_update(self) -> None:
        """Colours changed: draw with the new ones."""
        self._styles_of.clear()
        super().notify_style_update()

    # Keys and mouse

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by screens."""
        self._move_to(self._cursor + by * max(1, self.size.height - 2))

    def action_jump(self, row: int) -> None:
        """Move the cursor to the first (0) or last (-1) row."""
        self._move_to(len(self.rows) - 1 if row < 0 else row)

    def action_slide(self, by: int) -> None:
        """Scroll sideways by cells."""
        self.scroll_to(x=self.scroll_offset.x + by, animate=False)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.item is not None:
            self.post_message(self.Opened(self.item))

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go on to the next."""
        if self.item is not None:
            self.marked ^= {self._key_of(self.item)}
            self._move_to(self._cursor + 1)
            self.tick()
            self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        """A click sorts by a column or chooses a row; the second opens it."""
        if event.y == 0:
            self._sort_at(event.x + self.scroll_offset.x)
            return
        row = self.scroll_offset.y + event.y - 1
        if row < len(self.rows):
            self._move_to(row)
            if event.chain == 2:
                self.action_open()

    def on_resize(self) -> None:
        """Columns share the new width."""
        self._drawn.clear()
        self._fit()
        self._into_view()

    def _sort_at(self, x: int) -> None:
        start = _MARGIN
        for column, width in zip(self.columns, self._widths, strict=True):
            if start <= x < start + width + GAP:
                self.sort(column.id)
                return
            start += width + GAP

    def _move_to(self, row: int) -> None:
        row = max(0, min(row, len(self.rows) - 1))
        if row == self._cursor and self._cursor_key:
            return
        self._cursor = row
        self._note_cursor()
        self._into_view()
        self.tick()
        self.post_message(self.Changed())

    def _note_cursor(self) -> None:
        if self.item is not None:
            self._cursor_key = self._key_of(self.item)

    def _into_view(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height - 1)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)
