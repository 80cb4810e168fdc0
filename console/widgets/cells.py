"""Text in terminal cells: wide characters count two, control characters are made visible."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def clean(text: str) -> str:
    """The text on one line, each control or direction character as `·`: it is data, no command."""
    return _CONTROL.sub("·", text) if not text.isprintable() else text


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells, cut with `…` where it is longer."""
    length = cell_len(text)
    if length == width:
        return text
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    blank = " " * (width - length)
    return blank + text if right else text + blank
