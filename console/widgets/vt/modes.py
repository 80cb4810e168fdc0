"""The switches that a guest sets in its terminal (DEC's private modes and xterm's)."""

from __future__ import annotations

from dataclasses import dataclass

# Private mode numbers (VT220 manual; xterm's ctlseqs).
_NAMES = {
    1: "application_cursor",
    5: "inverse",
    66: "application_keypad",
    67: "backspace_is_delete_left",
    1006: "mouse_sgr",
    2004: "bracketed_paste",
    2026: "synchronized",
}
_MOUSE = (9, 1000, 1002, 1003)
X10, CLICKS, DRAGS, MOVES = _MOUSE


@dataclass(slots=True)
class Modes:
    """What is switched on.

    `mouse` is 0 or the mode that asks for mouse reports: 9, 1000, 1002 or 1003.
    `cursor_shape` is DECSCUSR's number: 0 to 2 a block, 3 and 4 an underline, 5 and 6 a bar.
    """

    application_cursor: bool = False
    application_keypad: bool = False
    backspace_is_delete_left: bool = False
    bracketed_paste: bool = False
    inverse: bool = False
    mouse: int = 0
    mouse_sgr: bool = False
    newline: bool = False
    synchronized: bool = False
    cursor_shape: int = 0

    def switch(self, number: int, on: bool) -> bool:
        """Set a private mode; False where it is none of these."""
        if number in _NAMES:
            setattr(self, _NAMES[number], on)
        elif number in _MOUSE:
            self.mouse = number if on else 0
        else:
            return False
        return True

    def report(self, number: int) -> int:
        """DECRPM's answer: 1 set, 2 reset, 0 not known."""
        if number in _NAMES:
            return 1 if getattr(self, _NAMES[number]) else 2
        if number in _MOUSE:
            return 1 if self.mouse == number else 2
        return 0
