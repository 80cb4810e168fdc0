"""What a key of the console's own keyboard is to the guest: xterm's codes."""

from __future__ import annotations

from console.widgets.vt.modes import Modes

_CURSOR = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_EDITING = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6}
_FIRST_FUNCTIONS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
# The numbers have gaps, as on the VT220's keyboard.
_FUNCTIONS = dict(
    zip(
        (f"f{number}" for number in range(5, 21)),
        (15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34),
        strict=True,
    )
)
_PLAIN = {
    "escape": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "space": " ",
    "shift+escape": "\x1b",
}
_CONTROLS = {
    "at": 0,
    "space": 0,
    "2": 0,
    "left_square_bracket": 0x1B,
    "3": 0x1B,
    "backslash": 0x1C,
    "4": 0x1C,
    "right_square_bracket": 0x1D,
    "5": 0x1D,
    "circumflex_accent": 0x1E,
    "6": 0x1E,
    "underscore": 0x1F,
    "minus": 0x1F,
    "slash": 0x1F,
    "7": 0x1F,
    "question_mark": 0x7F,
    "8": 0x7F,
}
_MODIFIERS = {"shift": 1, "alt": 2, "meta": 2, "ctrl": 4}
_ENTER = ("enter", "return")


def encode(key: str, character: str | None, modes: Modes) -> bytes:
    """The bytes for a key as Textual names it (`ctrl+a`, `shift+up`); empty where it has none."""
    *held, name = key.split("+") if key != "+" else [key]
    modifiers = {each for each in held if each in _MODIFIERS}
    if key in _PLAIN:
        return _PLAIN[key].encode()
    if (code := _special(name, modifiers, modes)) is not None:
        return code.encode()
    if "ctrl" in modifiers:
        text = _control(name)
    elif character is not None and (character.isprintable() or len(character) == 1):
        text = character
    elif len(name) == 1:
        text = name.upper() if "shift" in modifiers else name
    else:
        return b""
    escape = "\x1b" if text and modifiers & {"alt", "meta"} else ""
    return (escape + text).encode(errors="replace")


def paste(text: str, modes: Modes) -> bytes:
    """Pasted text: its lines end as the enter key does, and no control but tab is let in."""
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    # A paste that brought its own end mark could type commands behind it.
    text = "".join(sign for sign in text if sign in "\r\t" or sign.isprintable())
    if modes.bracketed_paste:
        text = f"\x1b[200~{text}\x1b[201~"
    return text.encode(errors="replace")


def mouse(button: int, x: int, y: int, modes: Modes, *, pressed: bool = True) -> bytes:
    """A mouse report (xterm's ctlseqs, "Mouse Tracking"). `x`, `y` from 0; 64, 65 the wheel."""
    if modes.mouse_sgr:
        return f"\x1b[<{button};{x + 1};{y + 1}{'M' if pressed else 'm'}".encode()
    if max(x, y) > 222 or (modes.mouse == 9 and not pressed):
        return b""
    # The old form does not tell which button was let go.
    state = button if pressed else button & ~3 | 3
    return b"\x1b[M" + bytes((32 + state, 33 + x, 33 + y))


def _special(name: str, modifiers: set[str], modes: Modes) -> str | None:
    """The code of a key that is no character, or None."""
    number = 1 + sum(_MODIFIERS[each] for each in modifiers)
    suffix = f";{number}" if number > 1 else ""
    if name in _CURSOR:
        if suffix:
            return f"\x1b[1{suffix}{_CURSOR[name]}"
        return f"\x1b{'O' if modes.application_cursor else '['}{_CURSOR[name]}"
    if name in _FIRST_FUNCTIONS:
        letter = _FIRST_FUNCTIONS[name]
        return f"\x1b[1{suffix}{letter}" if suffix else f"\x1bO{letter}"
    if (code := _EDITING.get(name) or _FUNCTIONS.get(name)) is not None:
        return f"\x1b[{code}{suffix}~"
    escape = "\x1b" if modifiers & {"alt", "meta"} else ""
    if name in _ENTER:
        return escape + ("\r\n" if modes.newline else "\r")
    if name == "backspace":
        # The control key gives the other one of the two.
        backward = modes.backspace_is_delete_left != ("ctrl" in modifiers)
        return escape + ("\x08" if backward else "\x7f")
    if name == "tab":
        return escape + "\t"
    return None


def _control(name: str) -> str:
    """The control character of a key held with ctrl; empty where it has none."""
    if name in _CONTROLS:
        return chr(_CONTROLS[name])
    letter = name.lower()
    return chr(ord(letter) & 0x1F) if len(letter) == 1 and "a" <= letter <= "z" else ""
