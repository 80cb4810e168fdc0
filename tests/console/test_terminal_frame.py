"""One frame of a terminal, as a picture: colours, looks, wide characters and the cursor."""

from __future__ import annotations

import time

from syrupy.assertion import SnapshotAssertion
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from console import themes
from console.widgets.terminal import Terminal

FRAME = (
    "\x1b[1mbold\x1b[m \x1b[2mdim\x1b[m \x1b[3mitalic\x1b[m \x1b[4munder\x1b[m \x1b[7mreverse\x1b[m"
    " \x1b[9mstrike\x1b[m\r\n"
    + "".join(f"\x1b[3{n}m{n}\x1b[9{n}m{n}\x1b[4{n}m \x1b[10{n}m \x1b[m" for n in range(8))
    + "\r\n"
    + "".join(f"\x1b[48;5;{n}m \x1b[48;2;{n};0;{255 - n}m \x1b[m" for n in range(16, 256, 12))
    + "\r\n안녕하세요 e\u0301 \x1b(0lqqk\x1b(B\r\n$ vi"
)


class Stage(App[None]):
    """A terminal with one frame in it."""

    def compose(self) -> ComposeResult:
        yield Terminal(lambda _: None)

    def on_mount(self) -> None:
        themes.register(self)


def test_a_frame(snap_compare: SnapshotAssertion) -> None:
    async def show(pilot: Pilot[None]) -> None:
        terminal = pilot.app.query_one(Terminal)
        terminal.feed(FRAME.encode())
        end = time.monotonic() + 10
        while "vi" not in terminal.render_line(4).text:
            assert time.monotonic() < end, [terminal.render_line(y).text for y in range(8)]
            await pilot.pause(0.02)
        await pilot.pause()

    assert snap_compare(Stage(), terminal_size=(60, 8), run_before=show)  # type: ignore[operator]
