"""The keys: of the view in front, and those that work everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

# A key, what it does, and whether it asks before it does it. An empty key begins a group.
Entry = tuple[str, str, bool]


class Help(ModalScreen[None]):
    """Lists keys. What is typed narrows the list; escape, enter or the mouse closes it."""

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help #help { width: 64; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
                 background: $surface; border: round $primary; }
    Help #keys { height: auto; background: $surface; }
    Help #lines { height: auto; background: $surface; }
    """
    BINDINGS: ClassVar = [
        Binding("escape,enter", "close", "Close", id="help.close", priority=True),
        Binding("up", "scroll(-1)", show=False, id="help.up", priority=True),
        Binding("down", "scroll(1)", show=False, id="help.down", priority=True),
        Binding("pageup", "scroll(-10)", show=False, id="help.page_up", priority=True),
        Binding("pagedown", "scroll(10)", show=False, id="help.page_down", priority=True),
    ]

    def __init__(self, title: str, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._title = title
        self._entries = list(entries)

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as frame:
            frame.border_title = Content(self._title)
            frame.border_subtitle = "type to search · esc closes"
            yield Input(placeholder="search", compact=True)
            with VerticalScroll(id="lines", can_focus=False):
                yield Static(listed(self._entries, ""), id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one("#lines").styles.max_height = max(3, self.app.size.height - 3)
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self.query_one("#keys", Static).update(listed(self._entries, event.value))
        self.query_one("#lines").scroll_home(animate=False)

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Move the list."""
        self.query_one("#lines").scroll_relative(y=lines, animate=False)


def listed(entries: Sequence[Entry], wanted: str) -> Content:
    """The entries that have what is searched in key or label, one a line."""
    wanted = wanted.strip().casefold()
    lines: list[Content] = []
    group: Content | None = None
    width = max((len(key) for key, _, _ in entries), default=0)
    for key, label, dangerous in entries:
        if not key:
            group = Content.styled(label, "bold $accent")
            continue
        if wanted and wanted not in f"{key} {label}".casefold():
            continue
        if group is not None:
            lines.append(group)
            group = None
        mark = Content.styled("  asks first", "$text-error") if dangerous else Content("")
        lines.append(Content.assemble((f"  {key:<{width}}", "bold"), f"  {label}", mark))
    return Content("\n").join(lines) if lines else Content.styled("no such key", "dim")
