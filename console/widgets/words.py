"""Numbers and times as an operator reads them."""

from __future__ import annotations

import time

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def age(since: float, now: float | None = None) -> str:
    """How long ago, in one unit: `12s`, `4m`, `3h`, `9d`, `2y`. `since` in seconds of the epoch."""
    seconds = max(0, int((time.time() if now is None else now) - since))
    for unit, size, least in (("y", 31536000, 2), ("d", 86400, 2), ("h", 3600, 2), ("m", 60, 2)):
        if seconds >= size * least:
            return f"{seconds // size}{unit}"
    # In steps of ten, so that what rests is not repainted each second.
    return f"{seconds // 10 * 10}s" if seconds >= 10 else "now"


def duration(seconds: float) -> str:
    """How long something took or takes: `0.4 s`, `12 s`, `3 min 5 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s"


def size(count: float | None) -> str:
    """Bytes in the largest unit that leaves at least one: `1.5 GiB`."""
    if count is None:
        return ""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def clock(at: float | None) -> str:
    """Local date and time; empty for none."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def bar(share: float, width: int = 10) -> str:
    """A share (0 to 1) as a bar of `width` cells."""
    full = round(max(0.0, min(1.0, share)) * width)
    return "█" * full + "░" * (width - full)
