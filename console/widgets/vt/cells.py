"""What stands in one place of a terminal's screen, and how it looks."""

from __future__ import annotations

from typing import NamedTuple

# None is the terminal's own, an int one of xterm's 256, a tuple red, green and blue.
Colour = int | tuple[int, int, int] | None


class Look(NamedTuple):
    """The attributes that SGR sets (ECMA-48, 8.3.117; xterm's 38 and 48)."""

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    blink: bool = False
    reverse: bool = False
    conceal: bool = False
    strike: bool = False


PLAIN = Look()


class Cell(NamedTuple):
    """A character with its combining marks, and its look.

    `data` is empty in the second half of a wide character.
    """

    data: str = " "
    look: Look = PLAIN


BLANK = Cell()

_SWITCHES: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    5: {"blink": True},
    6: {"blink": True},
    7: {"reverse": True},
    8: {"conceal": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    25: {"blink": False},
    27: {"reverse": False},
    28: {"conceal": False},
    29: {"strike": False},
}
_FG, _BG = 38, 48


def select_look(look: Look, text: str) -> Look:
    """The look after SGR with these parameters (`1;38;5;208`, `4:3`, `38:2::1:2:3`).

    Unknown parameters change nothing.
    """
    parts = text.split(";")
    changes: dict[str, Colour | bool] = {}
    position = 0
    while position < len(parts):
        code, *sub = (_number(each) for each in parts[position].split(":"))
        position += 1
        if code == 0:
            look, changes = PLAIN, {}
        elif code in (_FG, _BG):
            if not sub:
                sub = [_number(each) for each in parts[position : position + 4]]
                position += {5: 2, 2: 4}.get(sub[0] if sub else 0, 0)
            _set_colour(changes, "fg" if code == _FG else "bg", sub)
        elif code == 4 and sub:
            changes["underline"] = sub[0] != 0
        elif code in _SWITCHES:
            changes.update(_SWITCHES[code])
        else:
            _set_basic_colour(changes, code)
    return look._replace(**changes) if changes else look  # type: ignore[arg-type]


def _set_basic_colour(changes: dict[str, Colour | bool], code: int) -> None:
    for base, key in ((30, "fg"), (40, "bg")):
        if base <= code < base + 8:
            changes[key] = code - base
        elif code == base + 9:
            changes[key] = None
        elif base + 60 <= code < base + 68:
            changes[key] = code - base - 60 + 8


def _set_colour(changes: dict[str, Colour | bool], key: str, sub: list[int]) -> None:
    """`5;n` or `2;r;g;b`; with colons there may be a colour space before the three."""
    if len(sub) >= 2 and sub[0] == 5 and sub[1] <= 255:
        changes[key] = sub[1]
    elif len(sub) >= 4 and sub[0] == 2:
        red, green, blue = (min(each, 255) for each in (sub[2:5] if len(sub) > 4 else sub[1:4]))
        changes[key] = (red, green, blue)


def _number(text: str) -> int:
    # Longer ones are no number that means anything; int() of very many digits would also be slow.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
