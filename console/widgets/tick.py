"""A yes or no that needs no colour to be read."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Tick(Widget, can_focus=True):
    """`[x] yes` or `[ ] no`; space or a click changes it."""

    DEFAULT_CSS = """
    Tick { width: 1fr; height: 1; }
    Tick:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "change", "Change", show=False)]

    value = reactive(False)

    class Changed(Message):
        """It was changed."""

        def __init__(self, tick: Tick) -> None:
            super().__init__()
            self.tick = tick

        @property
        def control(self) -> Tick:
            """The tick that was changed."""
            return self.tick

    def __init__(self, value: bool, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.set_reactive(Tick.value, value)

    def render(self) -> Content:
        """The box and the word."""
        return Content("[x] yes" if self.value else "[ ] no")

    def watch_value(self) -> None:
        self.post_message(self.Changed(self))

    def action_change(self) -> None:
        """The other one."""
        self.value = not self.value

    def on_click(self) -> None:
        self.action_change()
