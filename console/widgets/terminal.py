"""The terminal: a guest's screen, drawn line by line, and a keyboard that is the guest's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from console.beside import post
from console.widgets.vt import keys
from console.widgets.vt.emulator import Emulator
from console.widgets.vt.inflow import Inflow
from console.widgets.vt.modes import CLICKS, DRAGS, MOVES
from console.widgets.vt.paint import paint, text_of
from console.widgets.vt.selection import Selection

MENU_KEY = "ctrl+right_square_bracket"

# Between two paints; a guest that writes on and on is shown less often, as nobody reads that fast.
_TICK_SECONDS = 0.03
_FLOOD_SECONDS = 0.08
_FLOOD_TICKS = 15
# The share of the time between two paints that is spent on parsing, and in which pieces.
_PARSE_SHARE = 0.4
_PIECE = 4096
# A guest that never ends its frame (mode 2026) is shown all the same.
_FRAME_SECONDS = 0.25
# A query is answered by the viewer who types, for as long after a key: two answers would be noise.
_ANSWER_SECONDS = 30.0
_WHEEL_LINES = 3
# What a guest takes its serial line for until it is told otherwise: lines, columns.
_SERIAL_SIZE = (24, 80)


class Terminal(Widget, can_focus=True):
    """A guest's terminal. All keys are the guest's but the menu's and the scrollback's.

    `send` gets what is typed and never blocks. Feed it from any thread.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = "Terminal { width: 1fr; height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(MENU_KEY, "menu", "menu", id="console.menu", priority=True),
        Binding("shift+pageup", "back(1)", "scroll back", id="console.back", priority=True),
        Binding("shift+pagedown", "back(-1)", "scroll on", id="console.on", priority=True),
    ]

    menu = reactive(False)
    # How many lines the view is behind the guest's last.
    back = reactive(0)

    class Arrived(Message, bubble=False):
        """The guest wrote something (from the viewer's thread)."""

    class MenuKey(Message):
        """A key while the menu is open; `again` is the menu's own key."""

        def __init__(self, key: str, again: bool = False) -> None:
            super().__init__()
            self.key = key
            self.again = again

    def __init__(self, send: Callable[[bytes], None], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.emulator = Emulator(80, 24, self._answer)
        self.screen_buffer = self.emulator.screen
        self.selection: Selection | None = None
        self._send = send
        self._inflow = Inflow()
        self._typed_at = -_ANSWER_SECONDS
        self._painted_at = 0.0
        self._held_since = 0.0
        self._bells = 0
        self._base = 0
        self._cursor_row = 0
        # The size that the guest believes in. The screen is never smaller: programs would draw over
        # its edge. Where the widget is lower, so many first lines are hidden.
        self._believed = _SERIAL_SIZE
        self._hidden = 0
        self._ticking = False
        self._busy_ticks = 0
        self._held_button: int | None = None

    # What the guest writes

    def feed(self, data: bytes) -> None:
        """Show what the guest wrote. From any thread; holds up a writer that is too fast."""
        if self._inflow.put(data):
            post(self, self.Arrived())

    def close(self) -> None:
        """Take no more; whoever feeds goes on."""
        self._inflow.close()

    def on_unmount(self) -> None:
        self.close()

    def on_terminal_arrived(self) -> None:
        if not self._ticking:
            self._ticking = True
            wait = self._painted_at + self._pace - time.monotonic()
            if wait <= -_TICK_SECONDS:
                self._busy_ticks = 0
            if wait > 0:
                self.set_timer(wait, self._tick)
            else:
                self._tick()

    def _tick(self) -> None:
        """Parse for a little while and paint what changed; again soon where more waits."""
        begin, budget = time.monotonic(), _PARSE_SHARE * self._pace
        switches = self.screen_buffer.switches
        while piece := self._inflow.take(_PIECE):
            self.emulator.feed(piece)
            switches = self.screen_buffer.switches
            spent = time.monotonic() - begin
            if spent > (2 * budget if switches.synchronized else budget):
                break
        now = time.monotonic()
        self._held_since = (self._held_since or now) if switches.synchronized else 0.0
        held = switches.synchronized and now - self._held_since < _FRAME_SECONDS
        if not held:
            self._paint()
            self._held_since = now if switches.synchronized else 0.0
        self._painted_at = time.monotonic()
        self._busy_ticks += 1
        self._ticking = held or bool(self._inflow)
        if self._ticking:
            self.set_timer(self._pace, self._tick)

    @property
    def _pace(self) -> float:
        """Seconds between two paints."""
        return _TICK_SECONDS if self._busy_ticks < _FLOOD_TICKS else _FLOOD_SECONDS

    def _paint(self) -> None:
        """Have the changed lines drawn anew."""
        screen = self.screen_buffer
        if screen.bells != self._bells:
            self._bells = screen.bells
            self.app.bell()
        moved, self._base = screen.base - self._base, screen.base
        dirty = screen.dirty | {self._cursor_row, screen.cursor.y}
        screen.dirty.clear()
        self._cursor_row = screen.cursor.y
        if self.selection is not None and self.selection.ends[1][0] >= screen.base:
            self._drop_selection_over({screen.base + y for y in dirty})
        if self._follow_cursor() and not self.back:
            self.refresh()
        elif self.back:
            # The view stays with its lines, as far as they are kept.
            self.back = min(self.back + moved, self._most_back)
            self.refresh()
            return
        self._refresh_lines(dirty)
        self._place_cursor()

    def _follow_cursor(self) -> bool:
        """Choose the hidden lines so that the cursor is in view; whether others are hidden now."""
        screen, height = self.screen_buffer, self.size.height
        before, y = self._hidden, screen.cursor.y
        if height:
            self._hidden = max(0, min(max(before, y - height + 1), y, screen.lines - height))
        return self._hidden != before

    def _refresh_lines(self, rows: set[int]) -> None:
        width, height = self.size
        shown = (y - self._hidden for y in sorted(rows))
        regions = [Region(0, y, width, 1) for y in shown if 0 <= y < height]
        if regions:
            self.refresh(*regions)

    def _place_cursor(self) -> None:
        """Where an input method shows what it composes."""
        if self.has_focus:
            cursor = self.screen_buffer.cursor
            self.app.cursor_position = self.region.offset + Offset(
                cursor.x, cursor.y - self._hidden
            )

    # Drawing

    @property
    def _top(self) -> int:
        """The absolute number of the first line in view."""
        return self.screen_buffer.base + self._hidden - self.back

    def render_line(self, y: int) -> Strip:
        screen, width = self.screen_buffer, self.size.width
        number = self._top + y
        marked = self.selection.columns(number, width) if self.selection else range(0)
        if not marked and number == screen.base + screen.cursor.y and self._cursor_shown:
            marked = self._cursor_columns()
        inverse = screen.switches.inverse
        return paint(screen.line(number), width, self.rich_style, inverse=inverse, marked=marked)

    @property
    def _cursor_shown(self) -> bool:
        return self.has_focus and not self.screen_buffer.cursor.hidden

    def _cursor_columns(self) -> range:
        """The cursor's place; two columns on a wide character."""
        screen = self.screen_buffer
        x = min(screen.cursor.x, screen.columns - 1)
        line = screen.line(screen.base + screen.cursor.y)
        follower = line[x + 1] if x + 1 < len(line) else None
        return range(x, x + 2 if follower is not None and not follower.data else x + 1)

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width and event.size.height:
            self._fit()

    def _fit(self) -> None:
        """Make the screen as large as the widget, or as the guest believes if that is larger."""
        lines, columns = self._believed
        self.screen_buffer.resize(max(self.size.height, lines), max(self.size.width, columns))
        self._hidden = 0
        self._follow_cursor()
        self.selection = None
        self.back = min(self.back, self._most_back)
        self.refresh()

    def adopt_size(self) -> None:
        """The guest is being told the widget's size."""
        self._believed = (self.size.height, self.size.width)
        self._fit()

    def forget_size(self) -> None:
        """The guest was started anew and knows no size."""
        self._believed = _SERIAL_SIZE
        self._fit()

    def on_focus(self) -> None:
        self._refresh_lines({self.screen_buffer.cursor.y})
        self._place_cursor()

    def on_blur(self) -> None:
        self._refresh_lines({self.screen_buffer.cursor.y})

    # Keys

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """No key is anybody else's while the terminal has the focus."""
        return True

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if self.menu:
            self.post_message(self.MenuKey(event.key))
        else:
            self.type(keys.encode(event.key, event.character, self.screen_buffer.switches))

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.type(keys.paste(event.text, self.screen_buffer.switches))

    def type(self, data: bytes) -> None:
        """Send bytes as if they were typed; the view returns to the guest's last lines."""
        if data:
            self._typed_at = time.monotonic()
            self.back = 0
            self._send(data)

    def _answer(self, data: bytes) -> None:
        if time.monotonic() - self._typed_at < _ANSWER_SECONDS:
            self._send(data)

    def action_menu(self) -> None:
        """Open the menu; when it is open, its key means itself."""
        if self.menu:
            self.post_message(self.MenuKey("", again=True))
        else:
            self.menu = True

    # Scrollback

    def action_back(self, pages: int) -> None:
        """Scroll by pages, back where positive."""
        self.scroll_lines(pages * max(1, self.size.height - 1))

    def scroll_lines(self, lines: int) -> None:
        """Move the view: back in time where positive."""
        self.back = max(0, min(self.back + lines, self._most_back))

    @property
    def _most_back(self) -> int:
        return len(self.screen_buffer.history) + self._hidden

    def watch_back(self) -> None:
        self.refresh()

    # The mouse

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, back: int) -> None:
        event.stop()
        switches = self.screen_buffer.switches
        if switches.mouse >= CLICKS:
            self._report(event, 64 if back > 0 else 65)
        elif self.screen_buffer.alternate:
            # As xterm's alternate scroll mode: pagers know the arrow keys.
            self._send(keys.encode("up" if back > 0 else "down", None, switches) * _WHEEL_LINES)
        else:
            self.scroll_lines(back * _WHEEL_LINES)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.focus()
        event.stop()
        self.capture_mouse()
        if self.screen_buffer.switches.mouse and not event.shift:
            self._held_button = event.button - 1
            self._report(event, self._held_button)
        elif event.button == 1:
            place = (self._top + event.y, event.x)
            self.selection = Selection(place, place)
            self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        mode = self.screen_buffer.switches.mouse
        if self._held_button is not None:
            if mode in (DRAGS, MOVES):
                self._report(event, self._held_button + 32)
        elif event.button == 1 and self.selection is not None:
            y = max(0, min(event.y, self.size.height - 1))
            head = (self._top + y, max(0, min(event.x, self.size.width - 1)))
            self.selection = Selection(self.selection.anchor, head)
            self.refresh()
        elif mode == MOVES:
            self._report(event, 35)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
        event.stop()
        if self._held_button is not None:
            self._report(event, self._held_button, pressed=False)
            self._held_button = None
        elif self.selection is not None:
            if self.selection.anchor == self.selection.head:
                self.selection = None
                self.refresh()
            else:
                self.copy()

    def _report(self, event: events.MouseEvent, button: int, *, pressed: bool = True) -> None:
        button += 4 * event.shift + 8 * event.meta + 16 * event.ctrl
        x, y = max(0, event.x), max(0, event.y) + self._hidden
        self._send(keys.mouse(button, x, y, self.screen_buffer.switches, pressed=pressed))

    # Copying

    def copy(self) -> None:
        """Give the selection, or else what is in view, to the operator's clipboard (OSC 52)."""
        text = self.copied_text()
        self.app.copy_to_clipboard(text)
        self.notify(f"{len(text)} characters copied", timeout=2)

    def copied_text(self) -> str:
        """The selection's text, or the view's."""
        screen = self.screen_buffer
        if self.selection is not None:
            return self.selection.text(screen.line, screen.columns)
        lines = [text_of(screen.line(self._top + y)) for y in range(self.size.height)]
        return "\n".join(lines).rstrip("\n")

    def _drop_selection_over(self, numbers: set[int]) -> None:
        """A selection whose text has changed is no selection any more."""
        assert self.selection is not None
        (first, _), (last, _) = self.selection.ends
        if any(first <= number <= last for number in numbers) and self._held_button is None:
            self.selection = None
            self.refresh()
