"""A panel that is lines of text, among which one looks for words."""

from __future__ import annotations

from textual.app import ComposeResult

from console.screens.panel import Panel
from console.widgets.lines import Lines


class LinesPanel(Panel):
    """Base of those: the lines are `text`."""

    def __init__(self, *, cursor: bool = False) -> None:
        super().__init__()
        self.text = Lines(cursor=cursor)
        self._filter = ""

    def compose(self) -> ComposeResult:
        """Only the lines."""
        yield self.text

    def filter(self, text: str) -> None:
        """Show where it matches."""
        self._filter = text
        hits = self.text.find(text)
        if text:
            self.desk.say(f"{hits} lines match", "" if hits else "warn")

    @property
    def filtered(self) -> str:
        """What is looked for."""
        return self._filter
