"""A name for what is kept at this moment."""

from __future__ import annotations

import time


def moment() -> str:
    """Local date and time, to the second; without colons, which paths do not like."""
    return time.strftime("%Y-%m-%d %H.%M.%S")
