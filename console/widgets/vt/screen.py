"""A terminal's screen: pyte's, with what it lacks or does otherwise than xterm.

pyte gives lines, tab stops, margins, character sets and the editing of lines. Here are: looks (256
and true colours, dim), wide and combining characters, the alternate screen, scrollback, answers
to queries and the modes.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import pyte
from pyte import charsets
from pyte import modes as pyte_modes
from wcwidth import wcwidth

from console.widgets.vt.cells import BLANK, PLAIN, Cell, select_look
from console.widgets.vt.modes import Modes

Line = tuple[Cell | None, ...]

SCROLLBACK_LINES = 10_000
# Combining marks that one place keeps, in characters.
_CLUSTER_LIMIT = 8
_ALTERNATE = (47, 1047, 1049)
# DECCOLM would change the width to 132; ours is the widget's.
_IGNORED_MODES = (3, 47, 1047, 1048, 1049)

width_of: Callable[[str], int] = lru_cache(maxsize=8192)(wcwidth)


class _Saved(NamedTuple):
    """What DECSC keeps."""

    x: int
    y: int
    attrs: Cell
    charset: int
    g0: Any
    g1: Any
    origin: bool


class Screen(pyte.Screen):
    """The screen, without its parser. `answer` gets what the terminal replies to the guest.

    Lines have absolute numbers: the screen's first is `base`, and it grows with each line that
    scrolls off, of which the last `SCROLLBACK_LINES` are kept.
    """

    def __init__(self, columns: int, lines: int, answer: Callable[[bytes], None]) -> None:
        self.history: deque[Line] = deque(maxlen=SCROLLBACK_LINES)
        self.base = 0
        self.switches = Modes()
        self.bells = 0
        self._answer = answer
        self._main: tuple[Any, int, int] | None = None
        self._saved: _Saved | None = None
        self._cells: dict[str, Cell] = {}
        self._cells_look = PLAIN
        self._last = " "
        super().__init__(columns, lines)

    @property
    def default_char(self) -> Any:
        return BLANK

    @property
    def alternate(self) -> bool:
        """Whether a full-screen program has the other screen, which has no scrollback."""
        return self._main is not None

    def line(self, number: int) -> Line:
        """A line by its absolute number; empty where none is kept."""
        y = number - self.base
        if 0 <= y < self.lines:
            return self._frozen(y)
        back = y + len(self.history)
        return self.history[back] if 0 <= back < len(self.history) else ()

    def _frozen(self, y: int) -> Line:
        """The line as it is now, as far as anything stands in it."""
        line: Any = self.buffer.get(y)
        return tuple(map(line.get, range(max(line) + 1))) if line else ()

    def reset(self) -> None:
        """RIS: everything as at the start, but for the scrollback."""
        super().reset()
        self.cursor.attrs = BLANK  # type: ignore[assignment]
        self.switches = Modes()
        self._main = None
        self._saved = None

    def soft_reset(self) -> None:
        """DECSTR: modes and looks as at the start, the screen as it is."""
        self.switches = Modes(synchronized=self.switches.synchronized)
        self.mode = {pyte_modes.DECAWM, pyte_modes.DECTCEM}
        self.margins = None
        self._saved = None
        self.cursor.hidden = False
        self.cursor.attrs = BLANK  # type: ignore[assignment]
        self.g0_charset, self.g1_charset = charsets.LAT1_MAP, charsets.VT100_MAP
        self.charset = 0

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

    # Scrolling

    def index(self) -> None:
        """Down a line; at the bottom margin everything moves up, the first line into scrollback."""
        top = self.margins.top if self.margins else 0
        bottom = self.margins.bottom if self.margins else self.lines - 1
        if self.cursor.y != bottom:
            self.cursor_down()
            return
        if top == 0 and not self.alternate:
            self._keep_first_line()
        self.dirty.update(range(top, bottom + 1))
        lines = self.buffer
        # Each line is read before the one that follows it is written.
        lines.update(zip(range(top, bottom), map(lines.__getitem__, range(top + 1, bottom + 1))))  # noqa: B905
        lines.pop(bottom, None)

    def scroll(self, count: int) -> None:
        """SU and (negative) SD: move the lines within the margins."""
        x, y = self.cursor.x, self.cursor.y
        top = self.margins.top if self.margins else 0
        bottom = self.margins.bottom if self.margins else self.lines - 1
        for _ in range(min(abs(count), self.lines)):
            self.cursor.y = bottom if count > 0 else top
            if count > 0:
                self.index()
            else:
                self.reverse_index()
        self.cursor.x, self.cursor.y = x, y

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
        if how == 3:
            self.history.clear()
            return
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

    def save_cursor(self) -> None:
        origin = pyte_modes.DECOM in self.mode
        cursor: Any = self.cursor
        charset = (self.charset, self.g0_charset, self.g1_charset)
        self._saved = _Saved(cursor.x, cursor.y, cursor.attrs, *charset, origin)

    def restore_cursor(self) -> None:
        saved = self._saved or _Saved(0, 0, BLANK, 0, charsets.LAT1_MAP, charsets.VT100_MAP, False)
        self.charset, self.g0_charset, self.g1_charset = saved.charset, saved.g0, saved.g1
        self.mode.discard(pyte_modes.DECOM)
        if saved.origin:
            self.mode.add(pyte_modes.DECOM)
        self.cursor.x, self.cursor.y = saved.x, saved.y
        self.cursor.attrs = saved.attrs  # type: ignore[assignment]
        self.ensure_hbounds()
        self.ensure_vbounds()

    # Modes

    def switch(self, numbers: list[int], on: bool) -> None:
        """Set or reset private modes. Unknown ones change nothing."""
        for number in numbers:
            if number == 1048:
                self.save_cursor() if on else self.restore_cursor()
            elif number in _ALTERNATE:
                self._switch_screen(number, on)
            elif number == 5:
                self.dirty.update(range(self.lines))
            if self.switches.switch(number, on) or number in _IGNORED_MODES:
                continue
            (self.set_mode if on else self.reset_mode)(number, private=True)

    def switch_ansi(self, numbers: list[int], on: bool) -> None:
        """Set or reset ANSI modes: insert (4) and new line (20)."""
        (self.set_mode if on else self.reset_mode)(*numbers)
        self.switches.newline = pyte_modes.LNM in self.mode

    def _switch_screen(self, number: int, on: bool) -> None:
        if on == self.alternate:
            return
        self.dirty.update(range(self.lines))
        if on:
            if number == 1049:
                self.save_cursor()
            self._main = (self.buffer.copy(), self.cursor.x, self.cursor.y)
            self.buffer.clear()
            return
        assert self._main is not None
        lines, _, _ = self._main
        self._main = None
        self.buffer.clear()
        self.buffer.update(lines)
        if number == 1049:
            self.restore_cursor()

    # Size

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Another size. Lines that do not fit go from below the cursor, then into scrollback."""
        lines, columns = lines or self.lines, columns or self.columns
        if (lines, columns) == (self.lines, self.columns):
            return
        while self.lines > lines:
            if self.cursor.y == self.lines - 1:
                self._push_first_line()
                self.cursor.y -= 1
            self.buffer.pop(self.lines - 1, None)
            self.lines -= 1
        for line in self.buffer.values() if columns < self.columns else ():
            for x in [x for x in line if x >= columns]:
                del line[x]
        self.tabstops.update(range(-self.columns % 8 + self.columns, columns, 8))
        self.lines, self.columns = lines, columns
        self.margins = None
        self.ensure_hbounds()
        self.dirty.update(range(lines))

    def _push_first_line(self) -> None:
        if not self.alternate:
            self._keep_first_line()
        for y in range(self.lines - 1):
            self.buffer[y] = self.buffer[y + 1]

    def _keep_first_line(self) -> None:
        self.history.append(self._frozen(0))
        self.base += 1

    # Answers

    def reply(self, text: str) -> None:
        """Tell the guest something it asked for."""
        self._answer(text.encode())

    def report_position(self, prefix: str = "") -> None:
        """CPR: where the cursor is."""
        x, y = min(self.cursor.x, self.columns - 1), self.cursor.y
        if pyte_modes.DECOM in self.mode and self.margins:
            y -= self.margins.top
        self.reply(f"\x1b[{prefix}{y + 1};{x + 1}R")

    def bell(self, *_: Any) -> None:
        self.bells += 1
