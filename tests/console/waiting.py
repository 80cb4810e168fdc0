"""Wait for what the screen shows."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.pilot import Pilot

from console.app import Quarterdeck

_PATIENCE = 10.0


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Let the application work until the condition holds."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, screen(pilot.app)
        await pilot.pause(0.01)


def screen(app: object) -> str:
    """The text on the screen."""
    strips = app.screen._compositor.render_strips()  # type: ignore[attr-defined]
    return "\n".join(strip.text.rstrip() for strip in strips)


def line(app: Quarterdeck, name: str) -> str:
    """What one of the lines around the panel says."""
    return app._line(name).text
