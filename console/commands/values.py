"""Small values that several nouns print."""

from __future__ import annotations

import time


def stamp(seconds: float | None) -> str | None:
    """A time in seconds since the epoch as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def up(flag: bool) -> str:
    """`UP` or `DOWN`, as Neutron writes an administrative state."""
    return "UP" if flag else "DOWN"
