"""Which sequence does what to the screen (VT220, ECMA-48, xterm's ctlseqs)."""

from __future__ import annotations

from collections.abc import Callable

from console.widgets.vt.parser import Parser
from console.widgets.vt.screen import Screen

# What we are: a VT220 with colours; our secondary answer is that of a VT220 too.
_PRIMARY = "\x1b[?62;22c"
_SECONDARY = "\x1b[>1;10;0c"
_MOST = 9999

Action = Callable[[list[int]], None]


class Emulator:
    """A screen and the parser that feeds it."""

    def __init__(self, columns: int, lines: int, answer: Callable[[bytes], None]) -> None:
        self.screen = Screen(columns, lines, answer)
        self._parser = Parser(self)
        self._controls: dict[str, Callable[[], None]] = {
            "\x07": self.screen.bell,
            "\x08": self.screen.backspace,
            "\t": self.screen.tab,
            "\n": self.screen.linefeed,
            "\x0b": self.screen.linefeed,
            "\x0c": self.screen.linefeed,
            "\r": self.screen.carriage_return,
            "\x0e": self.screen.shift_out,
            "\x0f": self.screen.shift_in,
        }
        self._escapes: dict[str, Callable[[], None]] = {
            "c": self.screen.reset,
            "D": self.screen.index,
            "E": self._next_line,
            "M": self.screen.reverse_index,
            "H": self.screen.set_tab_stop,
            "7": self.screen.save_cursor,
            "8": self.screen.restore_cursor,
            "#8": self.screen.alignment_display,
            "=": lambda: self._keypad(True),
            ">": lambda: self._keypad(False),
        }
        self._sequences = self._table()

    def feed(self, data: bytes) -> None:
        """Take in a piece of the guest's output."""
        self._parser.feed(data)

    # What the parser calls

    def draw(self, data: str) -> None:
        self.screen.draw(data)

    def control(self, character: str) -> None:
        action = self._controls.get(character)
        if action is not None:
            action()

    def escape(self, name: str) -> None:
        if name in self._escapes:
            self._escapes[name]()
        elif len(name) == 2 and name[0] in "()":
            self.screen.define_charset(name[1], name[0])

    def sequence(self, name: str, parameters: str) -> None:
        if name == "m":
            self.screen.select_graphic_rendition(parameters)
            return
        action = self._sequences.get(name)
        if action is not None and ":" not in parameters:
            action([_number(each) for each in parameters.split(";")])

    def string(self, kind: str, body: str) -> None:
        """Titles, palettes, clipboards: a guest does not set ours."""

    # Tables

    def _table(self) -> dict[str, Action]:
        screen = self.screen
        counted: dict[str, Callable[[int], None]] = {
            "@": screen.insert_characters,
            "A": screen.cursor_up,
            "B": screen.cursor_down,
            "C": screen.cursor_forward,
            "D": screen.cursor_back,
            "E": screen.cursor_down1,
            "F": screen.cursor_up1,
            "G": screen.cursor_to_column,
            "I": self._tabs,
            "L": screen.insert_lines,
            "M": screen.delete_lines,
            "P": screen.delete_characters,
            "S": lambda count: screen.scroll(count or 1),
            "T": lambda count: screen.scroll(-(count or 1)),
            "X": screen.erase_characters,
            "Z": screen.cursor_back_tab,
            "`": screen.cursor_to_column,
            "a": screen.cursor_forward,
            "b": screen.repeat,
            "d": screen.cursor_to_line,
            "e": screen.cursor_down,
            "g": screen.clear_tab_stop,
            "J": screen.erase_in_display,
            "K": screen.erase_in_line,
            "?J": screen.erase_in_display,
            "?K": screen.erase_in_line,
            " q": self._shape,
            "c": lambda _: screen.reply(_PRIMARY),
            ">c": lambda _: screen.reply(_SECONDARY),
            "n": self._status,
            "?n": lambda what: screen.report_position("?") if what == 6 else None,
            "t": self._window,
            "?$p": lambda mode: screen.reply(f"\x1b[?{mode};{screen.switches.report(mode)}$y"),
        }
        table = {name: _first(action) for name, action in counted.items()}
        listed: dict[str, Action] = {
            "H": lambda at: screen.cursor_position(*at[:2]),
            "f": lambda at: screen.cursor_position(*at[:2]),
            "r": self._margins,
            "s": lambda _: screen.save_cursor(),
            "u": lambda _: screen.restore_cursor(),
            "h": lambda numbers: screen.switch_ansi(numbers, True),
            "l": lambda numbers: screen.switch_ansi(numbers, False),
            "?h": lambda numbers: screen.switch(numbers, True),
            "?l": lambda numbers: screen.switch(numbers, False),
            "!p": lambda _: screen.soft_reset(),
        }
        return table | listed

    def _next_line(self) -> None:
        self.screen.index()
        self.screen.carriage_return()

    def _keypad(self, on: bool) -> None:
        self.screen.switches.application_keypad = on

    def _tabs(self, count: int) -> None:
        for _ in range(min(max(count, 1), self.screen.columns)):
            self.screen.tab()

    def _shape(self, number: int) -> None:
        if number <= 6:
            self.screen.switches.cursor_shape = number

    def _status(self, what: int) -> None:
        if what == 5:
            self.screen.reply("\x1b[0n")
        elif what == 6:
            self.screen.report_position()

    def _window(self, what: int) -> None:
        if what == 18:
            self.screen.reply(f"\x1b[8;{self.screen.lines};{self.screen.columns}t")

    def _margins(self, numbers: list[int]) -> None:
        """DECSTBM; the cursor goes home, also when the margins are the whole screen."""
        top, bottom = [*numbers, 0][:2]
        top, bottom = top or 1, min(bottom or self.screen.lines, self.screen.lines)
        if top >= bottom:
            return
        if (top, bottom) == (1, self.screen.lines):
            self.screen.margins = None
        else:
            self.screen.set_margins(top, bottom)
        self.screen.cursor_position()


def _first(action: Callable[[int], None]) -> Action:
    return lambda numbers: action(numbers[0])


def _number(text: str) -> int:
    return min(int(text), _MOST) if text.isascii() and text.isdigit() and len(text) < 12 else 0
