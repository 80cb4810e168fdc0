"""A terminal's screen: scrollback, the alternate screen, modes, sizes and answers to queries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from pyte import charsets
from pyte import modes as pyte_modes

from console.widgets.vt.cells import BLANK, Cell
from console.widgets.vt.grid import Grid
from console.widgets.vt.modes import Modes

Line = tuple[Cell | None, ...]

SCROLLBACK_LINES = 10_000
_ALTERNATE = (47, 1047, 1049)
# DECCOLM would change the width to 132; ours is the widget's.
_IGNORED_MODES = (3, 47, 1047, 1048, 1049)


class _Saved(NamedTuple):
    """What DECSC keeps."""

    x: int
    y: int
    attrs: Cell
    charset: int
    g0: Any
    g1: Any
    origin: bool


class Screen(Grid):
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
        super().__init__(columns, lines)

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

    def erase_in_display(self, how: int = 0, *_: Any, **__: Any) -> None:
        """ED; xterm's 3 forgets the scrollback and leaves the screen."""
        if how == 3:
            self.history.clear()
        else:
            super().erase_in_display(how)

    # The cursor

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
