"""Where the trace of an error that nobody expected goes."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from argparse import Namespace
from pathlib import Path


def keep_trace(args: Namespace) -> Path:
    """Write the trace of the exception at hand, without values, to a file only we can read."""
    folder = _folder(args)
    name = time.strftime("%Y%m%dT%H%M%S-", time.gmtime())
    handle, path = tempfile.mkstemp(prefix=name, suffix=".txt", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return Path(path)


def _folder(args: Namespace) -> Path | None:
    """`errors` in the cloud's state folder; the system's temporary folder where that cannot be."""
    from backends.access import STATE_ROOT
    from backends.settings import DEFAULT_CLOUD

    root = Path(getattr(args, "state_root", None) or STATE_ROOT)
    state = root / (getattr(args, "os_cloud", None) or DEFAULT_CLOUD)
    if "/" in state.name or not state.is_dir():
        return None
    folder = state / "errors"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
