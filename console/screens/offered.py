"""What takes an offered volume: shown this once, and kept nowhere."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class Offered(ModalScreen[None]):
    """The id and the key of an offer. Only escape closes it: what is typed ahead does not."""

    DEFAULT_CSS = """
    Offered { align: center middle; }
    Offered #offered { width: 64; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
                       background: $surface; border: round $primary; }
    """
    BINDINGS: ClassVar = [
        Binding("c", "copy('key')", "Copy key", id="offered.copy_key"),
        Binding("i", "copy('id')", "Copy id", id="offered.copy_id"),
        Binding("escape", "close", "Close", id="offered.close"),
    ]

    def __init__(self, transfer_id: str, key: str) -> None:
        super().__init__()
        self._values = {"id": transfer_id, "key": key}

    def compose(self) -> ComposeResult:
        with Vertical(id="offered") as frame:
            frame.border_title = "Volume offered"
            frame.border_subtitle = "c copies the key · i the id · esc closes"
            yield Static(self._said())
            yield Static(id="copied", markup=False)

    def _said(self) -> Content:
        rows = [
            Content.assemble((f"{name:<4} ", "dim"), (value, "bold"))
            for name, value in self._values.items()
        ]
        advice = Content.styled(
            "Tell both to who is to accept it. The key is shown this once: without it, take the "
            "offer back and make another.",
            "$text-warning",
        )
        return Content("\n").join([*rows, Content(""), advice])

    def action_copy(self, name: str) -> None:
        """Copy the key or the id, over SSH too (OSC 52)."""
        self.app.copy_to_clipboard(self._values[name])
        self.query_one("#copied", Static).update(f"copied the {name}")

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)
