"""The guest's console as a screen, with a shell under a pseudo-terminal as the guest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from backends.cloud import Cloud
from backends.settings import Settings
from console.screens import guest_console
from console.screens.guest_console import GuestConsole
from tests.console import recorded
from tests.console.pty_guest import PtyGuest


class Line:
    """Stands in for the hub's viewer: a line to a shell, whose state the test says."""

    def __init__(
        self,
        settings: Settings,
        instance_id: str,
        on_data: Callable[[bytes], None],
        on_state: Callable[[str], None],
    ) -> None:
        self.instance_id = instance_id
        self.say = on_state
        self.feed = on_data
        self.typed = b""
        self.closed = False
        self._guest = PtyGuest(("sh",), on_data, size=(24, 80), term="vt220")
        on_state("attached")

    def write(self, data: bytes) -> None:
        self.typed += data
        self._guest.write(data)

    def close(self) -> None:
        self._guest.close()
        self.closed = True


class Stage(App[None]):
    """Opens the console of the first instance."""

    def __init__(self, cloud: Cloud, instance_id: str) -> None:
        super().__init__()
        self.console = GuestConsole(cloud, instance_id, "web-[0]")

    def on_mount(self) -> None:
        self.push_screen(self.console)

    @property
    def state(self) -> str:
        return str(self.console.query_one("#state", Static).content)

    @property
    def text(self) -> str:
        return "\n".join(line.text.rstrip() for line in self.screen._compositor.render_strips())


async def until(condition: Callable[[], object], pilot: Pilot[None]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, pilot.app.text  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)
    await pilot.pause()


@asynccontextmanager
async def opened(
    root: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool = False
) -> AsyncIterator[tuple[Stage, Pilot[None], list[Line]]]:
    lines: list[Line] = []

    def look(*args: object) -> Line:
        lines.append(Line(*args))  # type: ignore[arg-type]
        return lines[-1]

    name = "follow_log" if read_only else "attach"
    monkeypatch.setattr(guest_console, name, look)
    cloud = recorded.make(root).open(read_only=read_only)
    app = Stage(cloud, cloud.instances.list()[0].id)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(lambda: "connected" in app.state, pilot)
            yield app, pilot, lines
        await asyncio.to_thread(wait_closed, lines)
    finally:
        cloud.close()


def wait_closed(lines: list[Line]) -> None:
    """The line is let go of when the console is left."""
    end = time.monotonic() + 10
    while not all(line.closed for line in lines):
        assert time.monotonic() < end
        time.sleep(0.02)


async def test_typing_and_detaching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path, monkeypatch) as (app, pilot, lines):
        assert app.state.startswith(" web-[0] ● connected")
        assert "ctrl+] menu" in app.state
        await pilot.press(*"echo $((6*7))", "enter")
        await until(lambda: "\n42\n" in app.text, pilot)
        await pilot.press("ctrl+right_square_bracket")
        await until(lambda: "d detach" in app.state, pilot)
        await pilot.press("d")
        await until(lambda: app.screen is not app.console, pilot)
        await asyncio.to_thread(wait_closed, lines)


async def test_the_menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path, monkeypatch) as (app, pilot, lines):
        await pilot.press("ctrl+right_square_bracket", "r")
        await until(lambda: b"stty rows 23 cols 80\r" in lines[0].typed, pilot)
        await pilot.press(*"stty size", "enter")
        await until(lambda: "\n23 80\n" in app.text, pilot)
        await pilot.press("ctrl+right_square_bracket", "c")
        await until(lambda: "23 80" in app.clipboard, pilot)
        before = lines[0].typed
        await pilot.press("ctrl+right_square_bracket", "escape")
        await until(lambda: "menu" in app.state, pilot)
        assert lines[0].typed == before
        await pilot.press("ctrl+right_square_bracket", "ctrl+right_square_bracket")
        await until(lambda: lines[0].typed == before + b"\x1d", pilot)


async def test_the_menu_key_can_be_remapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as (app, pilot, lines):
        app.set_keymap({"console.menu": "f12"})
        await pilot.press("ctrl+right_square_bracket")
        await until(lambda: lines[0].typed == b"\x1d", pilot)
        await pilot.press("f12", "d")
        await until(lambda: app.screen is not app.console, pilot)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("stopped", "guest is off"),
        ("busy", "another program reads this line"),
        ("missing", "no such guest"),
        ("foreign", "not the cloud's"),
        ("unreachable", "does not answer"),
    ],
)
async def test_the_line_says_how_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, shown: str
) -> None:
    async with opened(tmp_path, monkeypatch) as (app, pilot, lines):
        lines[0].say(state)
        await until(lambda: shown in app.state, pilot)
        lines[0].say("attached")
        await until(lambda: "connected" in app.state, pilot)


async def test_a_reader_follows_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path, monkeypatch, read_only=True) as (app, pilot, lines):
        lines[0].say("following")
        await until(lambda: "read-only" in app.state, pilot)
        lines[0].feed(b"from the log")
        await until(lambda: "from the log" in app.text, pilot)
        await pilot.press("x", "enter")
        assert lines[0].typed == b""


async def test_an_instance_of_another_project_is_not_looked_at(tmp_path: Path) -> None:
    cloud = recorded.make(tmp_path).open()
    app = Stage(cloud, "00000000-0000-4000-8000-ffffffffffff")
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(lambda: app.screen is not app.console, pilot)
            assert any("instance.not_found" in note.message for note in app._notifications)
    finally:
        cloud.close()
