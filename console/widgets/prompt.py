"""One line that asks: a command after `:`, a filter after `/`, a new name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label


class Prompt(Horizontal):
    """Mounted while it asks. `done` gets what was entered, `typed` each change; escape leaves."""

    DEFAULT_CSS = """
    Prompt { height: 1; }
    Prompt Label { width: auto; }
    Prompt Input { width: 1fr; height: 1; border: none; padding: 0; }
    Prompt Input:focus { border: none; }
    """
    BINDINGS = [Binding("escape", "cancel", show=False, id="prompt.cancel")]

    def __init__(
        self,
        label: str,
        value: str,
        done: Callable[[str], None],
        *,
        typed: Callable[[str], None] | None = None,
        cancelled: Callable[[], None] | None = None,
        known: Sequence[str] = (),
    ) -> None:
        super().__init__(id="prompt")
        self._label = label
        self._value = value
        self._done = done
        self._typed = typed
        self._cancelled = cancelled
        self._known = known

    def compose(self) -> ComposeResult:
        """The label and the field."""
        yield Label(f" {self._label} ", markup=False)
        suggester = SuggestFromList(self._known, case_sensitive=False) if self._known else None
        yield Input(self._value, suggester=suggester, select_on_focus=False, compact=True)

    def on_mount(self) -> None:
        """Type at once. The cursor rests: what blinks is sent over the line."""
        field = self.query_one(Input)
        field.cursor_blink = False
        # At once: `focus` would wait its turn behind keys that came already.
        self.screen.set_focus(field)

    @on(Input.Changed)
    def _change(self, event: Input.Changed) -> None:
        event.stop()
        if self._typed is not None:
            self._typed(event.value)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.remove()
        self._done(event.value)

    def action_cancel(self) -> None:
        """Nothing was asked."""
        self.remove()
        if self._cancelled is not None:
            self._cancelled()
