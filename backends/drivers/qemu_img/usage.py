"""What files take on disk, which is less than their length where they have holes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """`taken` on disk and `length`, both in bytes; `names` is how many names the file has."""

    taken: int
    length: int
    names: int


def usage(path: Path) -> Usage | None:
    """Of one file; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Usage(status.st_blocks * 512, status.st_size, status.st_nlink)
