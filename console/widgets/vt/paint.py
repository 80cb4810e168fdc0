"""Cells as Textual draws them: a strip for each line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.widgets.vt.cells import BLANK, Cell, Look
from console.widgets.vt.cells import Colour as CellColour
from console.widgets.vt.screen import Line


@lru_cache(maxsize=4096)
def style_of(look: Look, base: Style, inverse: bool = False) -> Style:
    """The style of a look on top of the widget's own."""
    return base + Style(
        color=_colour(look.fg),
        bgcolor=_colour(look.bg),
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
        blink=look.blink or None,
        reverse=(look.reverse != inverse) or None,
        conceal=look.conceal or None,
        strike=look.strike or None,
    )


def paint(
    line: Line, width: int, base: Style, *, inverse: bool = False, marked: range = range(0)
) -> Strip:
    """A line exactly `width` columns wide. The columns in `marked` are shown reversed."""
    segments: list[Segment] = []
    for texts, columns, look, flip in _runs(line, width, marked):
        style = style_of(look, base, inverse != flip)
        data = "".join(texts)
        if data.isascii() or cell_len(data) == columns:
            segments.append(Segment(data, style))
        else:
            # Together they would be measured as one sign (flags, joined emoji): one by one.
            segments.extend(Segment(each, style) for each in texts if each)
    return Strip(segments, width)


def _runs(line: Line, width: int, marked: range) -> Iterator[tuple[list[str], int, Look, bool]]:
    """Neighbours of one look: their texts, the width in columns, the look, whether marked."""
    texts: list[str] = []
    begin, look, flip = 0, BLANK.look, False
    for column, (data, cell) in enumerate(_places(line, width)):
        in_marked = column in marked
        if cell.look is not look or in_marked != flip:
            if column > begin and (cell.look != look or in_marked != flip):
                yield texts, column - begin, look, flip
                texts, begin = [], column
            look, flip = cell.look, in_marked
        texts.append(data)
    yield texts, width - begin, look, flip


def _places(line: Line, width: int) -> Iterator[tuple[str, Cell]]:
    """Each column's text, empty behind a wide character, and its cell."""
    wide = False
    for column in range(width):
        cell = (line[column] if column < len(line) else None) or BLANK
        if wide:
            wide = False
            yield ("", cell) if not cell.data else (" ", cell)
            continue
        if cell.data.isascii():
            yield cell.data or " ", cell
            continue
        follower = line[column + 1] if column + 1 < min(width, len(line)) else None
        wide = follower is not None and not follower.data
        yield _fitting(cell.data, 2 if wide else 1), cell


@lru_cache(maxsize=8192)
def _fitting(data: str, columns: int) -> str:
    """The text of a place, if it is drawn as wide as the place is."""
    if cell_len(data) == columns:
        return data
    return data[0] if cell_len(data[0]) == columns else "?".ljust(columns)


@lru_cache(maxsize=1024)
def _colour(colour: CellColour) -> Color | None:
    if colour is None:
        return None
    return Color.from_ansi(colour) if isinstance(colour, int) else Color.from_rgb(*colour)


def text_of(line: Line) -> str:
    """The line's text, without the space at its end."""
    return "".join(cell.data if cell else " " for cell in line).rstrip()
