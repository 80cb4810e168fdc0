"""The course of a number in a few cells."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int, most: float | None = None) -> str:
    """The last `width` values as bars between 0 and `most` (the largest, if it is not given)."""
    seen = list(values)[-width:]
    top = max(seen, default=0.0) if most is None else most
    if top <= 0:
        return (_BARS[0] * len(seen)).rjust(width)
    steps = (min(len(_BARS) - 1, int(value / top * len(_BARS))) for value in seen)
    return "".join(_BARS[max(0, step)] for step in steps).rjust(width)
