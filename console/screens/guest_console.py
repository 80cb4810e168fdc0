"""A guest's serial console, inside the console."""

from __future__ import annotations

import threading
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from backends.cloud import Cloud
from backends.drivers.libvirt.hub import LogViewer, Viewer, attach, follow_log
from backends.errors import QuarterdeckError
from console.beside import beside, post
from console.widgets.terminal import MENU_KEY, Terminal
from console.widgets.vt import keys

# The viewer's words, for a person: mark, style, text.
_STATES = {
    "": ("○", "$warning", "connecting"),
    "attached": ("●", "$success", "connected"),
    "following": ("●", "$success", "read-only: follows the log"),
    "stopped": ("○", "$warning", "guest is off; comes back by itself"),
    "busy": ("○", "$warning", "another program reads this line; waits for it"),
    "missing": ("○", "$error", "libvirt knows no such guest; waits for it"),
    "foreign": ("○", "$error", "this guest is not the cloud's"),
    "unreachable": ("○", "$error", "libvirt does not answer; tries again"),
}


class GuestConsole(Screen[None]):
    """The serial line of an instance. All keys are the guest's; the menu key detaches."""

    DEFAULT_CSS = """
    GuestConsole #state { dock: top; height: 1; background: $panel; color: $foreground; }
    GuestConsole Terminal { background: $background; color: $foreground; }
    """
    AUTO_FOCUS = "Terminal"
    BINDINGS: ClassVar = []

    class StateChanged(Message):
        """The viewer tells how the line is (from its thread)."""

        def __init__(self, state: str) -> None:
            super().__init__()
            self.state = state

    class Refused(Message):
        """The line cannot be looked at."""

        def __init__(self, error: QuarterdeckError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, cloud: Cloud, instance_id: str, name: str) -> None:
        super().__init__()
        self._cloud = cloud
        self._instance_id = instance_id
        self._guest = name
        self._viewer: Viewer | LogViewer | None = None
        self._line_state = ""
        self._gone = threading.Event()
        # Kept, as it is taken from the screen before the screen itself goes.
        self.terminal = Terminal(self._type)

    def compose(self) -> ComposeResult:
        yield Static(id="state", markup=False)
        yield self.terminal

    def on_mount(self) -> None:
        self.watch(self.terminal, "menu", self._show_state, init=False)
        self.watch(self.terminal, "back", self._show_state, init=False)
        # The terminal must have its size before the guest's last lines are put into it.
        self.call_after_refresh(beside, self, self._open_line)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_state)

    def on_unmount(self) -> None:
        self._gone.set()
        self.terminal.close()
        if self._viewer is not None:
            # Closing waits for the viewer's thread.
            threading.Thread(target=self._viewer.close, name="console-close").start()

    def _open_line(self) -> Message:
        """In a thread of its own."""
        try:
            instance = self._cloud.instances.show(self._instance_id)
        except QuarterdeckError as error:
            return self.Refused(error)
        look = follow_log if self._cloud.caller.read_only else attach
        viewer = look(self._cloud.settings, instance.id, self.terminal.feed, self._tell)
        self._viewer = viewer
        if self._gone.is_set():
            viewer.close()
        return self.StateChanged("")

    def _tell(self, state: str) -> None:
        """In the viewer's thread."""
        post(self, self.StateChanged(state))

    def _type(self, data: bytes) -> None:
        """Send to the guest what can be sent."""
        if self._viewer is not None and not self._cloud.caller.read_only:
            self._viewer.write(data)

    @on(StateChanged)
    def _on_state_changed(self, message: StateChanged) -> None:
        # The line may have told how it is before it was known to be open.
        self._line_state = message.state or self._line_state
        if message.state == "stopped":
            self.terminal.forget_size()
        self._show_state()

    @on(Refused)
    def _on_refused(self, message: Refused) -> None:
        self.notify(str(message.error), severity="error", markup=False)
        self.dismiss(None)

    # The line above

    def _show_state(self) -> None:
        if self.is_mounted:
            line = self._menu_line() if self.terminal.menu else self._state_line()
            self.query_one("#state", Static).update(line)

    def _state_line(self) -> Content:
        mark, style, text = _STATES.get(self._line_state, ("○", "$warning", self._line_state))
        terminal = self.terminal
        parts: list[str | tuple[str, str]] = [f" {self._guest} ", (f"{mark} {text}", style)]
        if terminal.back:
            parts.append((f"  {terminal.back} lines back", "$accent"))
        width, height = terminal.size
        left = Content.assemble(*parts)
        right = Content.assemble(
            (f"{width}×{height}  ", "dim"), (self._menu_key_shown(), "bold"), " menu "
        )
        room = self.size.width - right.cell_length
        left = left.truncate(max(0, room - 1), ellipsis=True)
        return Content.assemble(left, " " * (room - left.cell_length), right)

    def _menu_line(self) -> Content:
        width, height = self.terminal.size
        choices = [
            ("d", "detach"),
            ("r", f"tell the guest its size {width}×{height}"),
            ("c", "copy"),
            (self._menu_key_shown(), "type it"),
            ("esc", "back"),
        ]
        parts: list[str | tuple[str, str]] = [" "]
        for key, text in choices:
            parts += [(key, "bold $accent"), f" {text}  "]
        return Content.assemble(*parts)

    def _menu_key(self) -> str:
        """The menu's key, which may have been remapped."""
        for key, active in self.active_bindings.items():
            if active.binding.id == "console.menu":
                return key
        return MENU_KEY

    def _menu_key_shown(self) -> str:
        return self._menu_key().replace("right_square_bracket", "]")

    @on(Terminal.MenuKey)
    def _on_menu_key(self, message: Terminal.MenuKey) -> None:
        terminal = self.terminal
        terminal.menu = False
        if message.again:
            terminal.type(keys.encode(self._menu_key(), None, terminal.screen_buffer.switches))
        elif message.key == "d":
            self.dismiss(None)
        elif message.key == "c":
            terminal.copy()
        elif message.key == "r":
            width, height = terminal.size
            terminal.adopt_size()
            # A serial line tells nobody that its window changed (no SIGWINCH).
            terminal.type(f"stty rows {height} cols {width}\r".encode())
