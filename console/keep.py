"""Keep the trace of an error that nobody expected, for who mends it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from backends.access import Access
from console.commands.trace import keep_trace


def keep(access: Access, error: Exception) -> Path:
    """Write the error's trace to a file only we can read; returns where."""
    args = Namespace(state_root=str(access.state_root), os_cloud=access.cloud)
    try:
        raise error
    except Exception:  # the one that was given
        return keep_trace(args)
