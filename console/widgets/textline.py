"""A line of text with tones, which may stand for something."""

from __future__ import annotations

from typing import NamedTuple


class TextLine(NamedTuple):
    """A line as (text, tone) spans. One with a key can be opened."""

    spans: tuple[tuple[str, str], ...]
    key: str = ""

    @property
    def text(self) -> str:
        """The line without its tones."""
        return "".join(text for text, _ in self.spans)


def plain_line(text: str, tone: str = "") -> TextLine:
    """A line of one tone."""
    return TextLine(((text, tone),))
