"""The lines of a terminal: pyte's, with text, erasing and cursor as xterm does them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pyte
from pyte import charsets
from pyte import modes as pyte_modes
from wcwidth import wcwidth

from console.widgets.vt.cells import BLANK, PLAIN, Cell, select_look

# Combining marks that one place keeps, in characters.
_CLUSTER_LIMIT = 8

width_of: Callable[[str], int] = lru_cache(maxsize=8192)(wcwidth)


class Grid(pyte.Screen):
    """Puts text and erases it. Cells are ours: pyte has no dim and takes no wide ones apart."""

    def __init__(self, columns: int, lines: int) -> None:
        self._cells: dict[str, Cell] = {}
        self._cells_look = PLAIN
        self._last = " "
        super().__init__(columns, lines)

    @property
    def default_char(self) -> Any:
        return BLANK

    # Text

    def draw(self, data: str) -> None:
        """Put text at the cursor."""
        mapping = self.g1_charset if self.charset else self.g0_charset
        if mapping is not charsets.LAT1_MAP:
            data = data.translate(mapping)
        if data.isascii() and pyte_modes.IRM not in self.mode:
            self._draw_narrow(data)
        else:
            for character in data:
                self._draw_one(character)
        self.dirty.add(self.cursor.y)
        self._last = data[-1:] or self._last

    def repeat(self, count: int) -> None:
        """REP: the last character again."""
        self.draw(self._last * min(max(count, 1), self.columns * self.lines))

    def _draw_narrow(self, data: str) -> None:
        """Text that is one column a character: whole pieces of lines at once."""
        position, end = 0, len(data)
        while position < end:
            self._wrap(1)
            cursor = self.cursor
            room = self.columns - cursor.x
            piece = data[position : position + room]
            line = self.buffer[cursor.y]
            after = cursor.x + len(piece)
            self._unpair(line, cursor.x, after)
            line.update(zip(range(cursor.x, after), map(self._cell, piece), strict=True))
            cursor.x = after
            if pyte_modes.DECAWM not in self.mode and after == self.columns:
                # Without wrapping, all that follows goes to the last column.
                line[self.columns - 1] = self._cell(data[-1])
                return
            position += len(piece)

    def _draw_one(self, character: str) -> None:
        width = width_of(character)
        if width == 0:
            self._combine(character)
        if width < 1:
            return
        self._wrap(width)
        if pyte_modes.IRM in self.mode:
            self.insert_characters(width)
        x, line = self.cursor.x, self.buffer[self.cursor.y]
        self._unpair(line, x, x + width)
        line[x] = self._cell(character)
        if width == 2 and x + 1 < self.columns:
            line[x + 1] = self._cell("")
        self.cursor.x = min(x + width, self.columns)

    def _wrap(self, width: int) -> None:
        """To the next line where the character does not fit any more."""
        if self.cursor.x + width <= self.columns:
            return
        if pyte_modes.DECAWM in self.mode:
            self.dirty.add(self.cursor.y)
            self.carriage_return()
            self.linefeed()
        else:
            self.cursor.x = max(0, self.columns - width)

    def _unpair(self, line: Any, start: int, end: int) -> None:
        """Blank the other half of each wide character that is overwritten in part."""
        if start and start in line and not line[start].data:
            line[start - 1] = BLANK
        if end in line and not line[end].data:
            line[end] = BLANK

    def _combine(self, mark: str) -> None:
        """Add a mark (or a Hangul vowel or final) to the character before the cursor."""
        if unicodedata.category(mark) == "Cf" or "\ufe00" <= mark <= "\ufe0f":
            return
        line, x = self.buffer[self.cursor.y], self.cursor.x - 1
        if x > 0 and x in line and not line[x].data:
            x -= 1
        cell = line.get(x)
        if x >= 0 and cell is not None and len(cell.data) < _CLUSTER_LIMIT:
            line[x] = cell._replace(data=unicodedata.normalize("NFC", cell.data + mark))

    def _cell(self, character: str) -> Any:
        look = self.cursor.attrs.look  # type: ignore[attr-defined]
        if look is not self._cells_look:
            self._cells, self._cells_look = {}, look
        cell = self._cells.get(character)
        if cell is None:
            cell = self._cells[character] = Cell(character, look)
        return cell

    def select_graphic_rendition(self, text: Any = "", *_: Any) -> None:
        """SGR with its parameters as text."""
        attrs: Any = self.cursor.attrs
        self.cursor.attrs = attrs._replace(look=select_look(attrs.look, str(text)))

    # Erasing: with the background, and nothing else of the look

    @property
    def _erased(self) -> Any:
        background = self.cursor.attrs.look.bg  # type: ignore[attr-defined]
        return BLANK if background is None else Cell(" ", PLAIN._replace(bg=background))

    def erase_characters(self, count: int | None = None) -> None:
        x = min(self.cursor.x, self.columns - 1)
        self._erase(self.cursor.y, x, min(x + (count or 1), self.columns))

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        x = min(self.cursor.x, self.columns - 1)
        first = x if how == 0 else 0
        last = x + 1 if how == 1 else self.columns
        if how in (0, 1, 2):
            self._erase(self.cursor.y, first, last)

    def erase_in_display(self, how: int = 0, *_: Any, **__: Any) -> None:
        below = range(self.cursor.y + 1, self.lines)
        lines = {0: below, 1: range(self.cursor.y), 2: range(self.lines)}.get(how, range(0))
        for y in lines:
            self._erase(y, 0, self.columns)
        if how in (0, 1):
            self.erase_in_line(how)

    def _erase(self, y: int, start: int, end: int) -> None:
        self.dirty.add(y)
        line, cell = self.buffer[y], self._erased
        self._unpair(line, start, end)
        if (start, end) == (0, self.columns) and cell is BLANK:
            line.clear()
            return
        line.update(dict.fromkeys(range(start, end), cell))

    # The cursor

    def cursor_up(self, count: int | None = None) -> None:
        """Up, to the top margin from below it, else to the first line."""
        top = self.margins.top if self.margins else 0
        limit = top if self.cursor.y >= top else 0
        self.cursor.y = max(self.cursor.y - (count or 1), limit)

    def cursor_down(self, count: int | None = None) -> None:
        """Down, to the bottom margin from above it, else to the last line."""
        bottom = self.margins.bottom if self.margins else self.lines - 1
        limit = bottom if self.cursor.y <= bottom else self.lines - 1
        self.cursor.y = min(self.cursor.y + (count or 1), limit)

    def cursor_to_line(self, line: int | None = None) -> None:
        self.cursor_position(line, min(self.cursor.x, self.columns - 1) + 1)

    def cursor_back_tab(self, count: int) -> None:
        """CBT: to tab stops before the cursor."""
        for _ in range(min(max(count, 1), self.columns)):
            before = [stop for stop in self.tabstops if stop < self.cursor.x]
            self.cursor.x = max(before, default=0)
