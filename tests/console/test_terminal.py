"""The terminal widget with real programs under a pseudo-terminal."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot

from console.widgets import terminal
from console.widgets.terminal import Terminal
from console.widgets.vt.emulator import Emulator
from console.widgets.vt.paint import text_of
from tests.console.pty_guest import PtyGuest

PATIENCE = 10.0


class Stage(App[None]):
    """A terminal and nothing else, with keys of the application's that must not fire."""

    BINDINGS = [
        Binding("ctrl+q", "fail", priority=True),
        Binding("ctrl+c", "fail", priority=True),
        Binding("tab", "fail", priority=True),
        Binding("escape", "fail"),
        Binding("q", "fail"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.typed = b""
        self.guest: PtyGuest | None = None
        self.failed = False

    def compose(self) -> ComposeResult:
        yield Terminal(self.send)

    def send(self, data: bytes) -> None:
        self.typed += data
        if self.guest is not None:
            self.guest.write(data)

    def action_fail(self) -> None:
        self.failed = True

    @property
    def terminal(self) -> Terminal:
        return self.query_one(Terminal)

    def shown(self) -> list[str]:
        """What is drawn now."""
        terminal = self.terminal
        return [terminal.render_line(y).text.rstrip() for y in range(terminal.size.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.shown())


@asynccontextmanager
async def stage(
    argv: Sequence[str] = (), *, size: tuple[int, int] = (80, 24), term: str = "xterm-256color"
) -> AsyncIterator[tuple[Stage, Pilot[None]]]:
    app = Stage()
    async with app.run_test(size=size) as pilot:
        app.terminal.adopt_size()
        if argv:
            width, height = size
            app.guest = PtyGuest(argv, app.terminal.feed, size=(height, width), term=term)
        try:
            yield app, pilot
        finally:
            app.terminal.close()
            if app.guest is not None:
                app.guest.close()
    assert not app.failed


async def until(condition: Callable[[], object], pilot: Pilot[None]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain; shown:\n{pilot.app.text}"  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)
    await pilot.pause()


async def test_a_shell_takes_every_key() -> None:
    async with stage(("sh", "-c", "stty raw -echo; echo ready; exec cat -v")) as (app, pilot):
        await until(lambda: "ready" in app.text, pilot)
        await pilot.press("q", "tab", "escape", "ctrl+c", "ctrl+d", "ctrl+q", "up", "한", "f5")
        expected = b"q\t\x1b\x03\x04\x11\x1b[A\xed\x95\x9c\x1b[15~"
        assert app.typed == expected
        await until(lambda: "^[^C^D^Q^[[AM-m" in app.text, pilot)


async def test_a_paste_is_bracketed_when_the_guest_asks() -> None:
    async with stage() as (app, pilot):
        app.terminal.feed(b"\x1b[?2004hx")
        await until(lambda: app.shown()[0] == "x", pilot)
        app.terminal.post_message(events.Paste("echo 안녕\nls"))
        await until(lambda: app.typed, pilot)
        assert app.typed == "\x1b[200~echo 안녕\rls\x1b[201~".encode()


async def test_vi_edits_a_file(tmp_path: Path) -> None:
    file = tmp_path / "note"
    file.write_text("eins\nzwei\ndrei\n")
    async with stage(("busybox", "vi", str(file)), term="vt220") as (app, pilot):
        await until(lambda: app.shown()[2] == "drei", pilot)
        assert app.shown()[3] == "~"
        # vi takes what follows an escape at once for a key's code.
        await pilot.press("down", "A", "!", "escape")
        await until(lambda: app.shown()[23].startswith("-"), pilot)
        await pilot.press("G", "d", "d", "o", "한", "글", "escape")
        await until(lambda: app.shown()[23].startswith("-"), pilot)
        assert app.shown()[:2] == ["eins", "zwei!"]
        await pilot.press("colon", "w", "q", "enter")
        await until(lambda: file.read_text() == "eins\nzwei!\n한글\n", pilot)


async def test_less_scrolls_in_the_alternate_screen(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("".join(f"line {number}\n" for number in range(1000)))
    script = f"echo before; less {file}; echo after; cat"
    async with stage(("sh", "-c", script)) as (app, pilot):
        await until(lambda: app.shown()[22] == "line 22", pilot)
        assert app.terminal.screen_buffer.alternate
        await pilot.press("pagedown")
        await until(lambda: app.shown()[0] == "line 23", pilot)
        await pilot.press("G")
        await until(lambda: app.shown()[22] == "line 999", pilot)
        await pilot.press("q")
        await until(lambda: app.shown()[:2] == ["before", "after"], pilot)


async def test_top_runs() -> None:
    async with stage(("top", "-d", "1")) as (app, pilot):
        await until(lambda: "PID" in app.text and "%Cpu" in app.text, pilot)
        await pilot.press("q")


async def test_a_flood_comes_in_order() -> None:
    script = "yes 'all work and no play' | head -60000; echo done; cat"
    async with stage(("sh", "-c", script)) as (app, pilot):
        await until(lambda: "done" in app.text, pilot)
        history = app.terminal.screen_buffer.history
        assert len(history) == 10_000
        assert {text_of(line) for line in history} == {"all work and no play"}


async def test_one_turn_parses_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much waits: keys come in between."""
    clock = itertools.count()
    # Each look at the clock is a hundredth of a second after the one before.
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: next(clock) / 100))
    pieces: list[int] = []
    tick, feed = Terminal._tick, Emulator.feed

    def turn(self: Terminal) -> None:
        pieces.append(0)
        tick(self)

    def parse(self: Emulator, data: bytes) -> None:
        pieces[-1] += 1
        feed(self, data)

    monkeypatch.setattr(Terminal, "_tick", turn)
    monkeypatch.setattr(Emulator, "feed", parse)
    async with stage(("sh", "-c", "yes | head -50000; echo done; cat")) as (app, pilot):
        await until(lambda: "done" in app.text, pilot)
    # A paint is due after 0.08 s at most, and less than half of that is for parsing.
    assert max(pieces) <= 4
    assert sum(pieces) > 10


async def test_scrollback_keeps_its_place() -> None:
    async with stage(size=(40, 10)) as (app, pilot):
        app.terminal.feed(b"".join(b"line %d\r\n" % number for number in range(100)))
        await until(lambda: app.shown()[8] == "line 99", pilot)
        await pilot.press("shift+pageup")
        assert app.shown()[0] == "line 82"
        app.terminal.feed(b"more\r\nmore\r\n")
        await until(lambda: app.terminal.back == 11, pilot)
        assert app.shown()[0] == "line 82"
        await pilot.press("x")
        assert app.shown()[8] == "more"
        assert app.typed == b"x"


async def test_the_mouse_marks_and_copies() -> None:
    async with stage(size=(40, 10)) as (app, pilot):
        app.terminal.feed("first line\r\nzweite 줄\r\n".encode())
        await until(lambda: app.shown()[1] == "zweite 줄", pilot)
        await pilot.mouse_down(offset=(6, 0))
        await pilot._post_mouse_events([events.MouseMove], offset=(8, 1), button=1)
        await pilot.mouse_up(offset=(8, 1))
        assert app.clipboard == "line\nzweite 줄"
        # What is marked is dropped as soon as it is written over.
        app.terminal.feed(b"\x1b[1;8HX")
        await until(lambda: app.terminal.selection is None, pilot)


async def test_the_mouse_is_the_guests_when_it_asks() -> None:
    async with stage(size=(40, 10)) as (app, pilot):
        app.terminal.feed(b"\x1b[?1000h\x1b[?1006hx")
        await until(lambda: app.shown()[0] == "x", pilot)
        await pilot.click(offset=(4, 2))
        assert app.typed == b"\x1b[<0;5;3M\x1b[<0;5;3m"


async def test_a_frame_is_held_until_it_is_complete() -> None:
    async with stage(size=(40, 10)) as (app, pilot):
        painted: list[set[int]] = []
        app.terminal._refresh_lines = painted.append  # type: ignore[method-assign]
        app.terminal.feed(b"\x1b[?2026hhalf")
        await until(lambda: app.terminal._held_since, pilot)
        assert not painted
        app.terminal.feed(b" whole\x1b[?2026l")
        await until(lambda: painted, pilot)
        # A guest that never ends its frame is shown after a while.
        painted.clear()
        app.terminal.feed(b"\x1b[?2026hstuck")
        await until(lambda: painted, pilot)


async def test_only_changed_lines_are_painted() -> None:
    async with stage(size=(40, 10)) as (app, pilot):
        painted: list[set[int]] = []
        app.terminal.feed(b"\x1b[5;1Hx")
        await until(lambda: app.shown()[4] == "x", pilot)
        app.terminal._refresh_lines = painted.append  # type: ignore[method-assign]
        app.terminal.feed(b"y")
        await until(lambda: painted, pilot)
        assert painted == [{4}]


async def test_queries_are_answered_by_who_types() -> None:
    async with stage(size=(40, 10)) as (app, pilot):
        app.terminal.feed(b"\x1b[6nx")
        await until(lambda: app.shown()[0] == "x", pilot)
        assert app.typed == b""
        await pilot.press("r")
        app.terminal.feed(b"\x1b[6ny")
        await until(lambda: app.shown()[0] == "xy", pilot)
        assert app.typed == b"r\x1b[1;2R"


async def test_colours_and_the_cursor_in_a_frame() -> None:
    async with stage(size=(12, 2)) as (app, pilot):
        app.terminal.feed("\x1b[1;31mr\x1b[0;48;5;21mb\x1b[38;2;1;2;3mt\x1b[m한".encode())
        await until(lambda: app.shown()[0] == "rbt한", pilot)
        red, blue, true, wide, cursor, *_ = app.terminal.render_line(0)
        assert red.style
        assert red.style.bold
        assert red.style.color
        assert red.style.color.number == 1
        assert blue.style
        assert blue.style.bgcolor
        assert blue.style.bgcolor.number == 21
        assert true.style
        assert true.style.color
        assert true.style.color.triplet == (1, 2, 3)
        assert wide.text == "한"
        assert cursor.text == " "
        assert cursor.style
        assert cursor.style.reverse
        app.terminal.feed(b"\x1b[?25l")
        await until(lambda: app.terminal.screen_buffer.cursor.hidden, pilot)
        assert not any(s.style and s.style.reverse for s in app.terminal.render_line(0))


async def test_the_cursor_leaves_the_line_it_was_on() -> None:
    async with stage(size=(20, 5)) as (app, pilot):
        app.terminal.feed(b"ab\r\ncd")
        await until(lambda: app.shown()[1] == "cd", pilot)

        def reversed_lines() -> list[int]:
            lines = app.screen._compositor.render_strips()
            return [
                y for y, line in enumerate(lines) if any(s.style and s.style.reverse for s in line)
            ]

        assert reversed_lines() == [1]
        app.terminal.feed(b"\x1b[A")
        await until(lambda: reversed_lines() == [0], pilot)


async def test_a_lower_window_hides_lines_of_a_guest_that_knows_no_size() -> None:
    async with stage(size=(60, 20)) as (app, pilot):
        app.terminal.forget_size()
        app.terminal.feed(b"\x1b[Htop\x1b[24;1Hstatus\x1b[H")
        await until(lambda: app.shown()[0] == "top", pilot)
        assert "status" not in app.text
        app.terminal.feed(b"\x1b[24;1H:")
        await until(lambda: app.shown()[19] == ":tatus", pilot)
        assert app.shown()[0] == ""
        await pilot.press("shift+pageup")
        assert app.shown()[0] == "top"
        app.terminal.adopt_size()
        assert app.terminal.screen_buffer.lines == 20
