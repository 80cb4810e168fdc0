"""What a qcow2 stands on, by its own header (QEMU's docs/interop/qcow2.txt)."""

from __future__ import annotations

import struct
from pathlib import Path

_MAGIC = b"QFI\xfb"
# magic, version, the backing file's name: where it is, and how long.
_HEADER = struct.Struct(">4sIQI")
_LONGEST = 1023


def backing_file(path: Path) -> str:
    """The name of its backing file; empty for none, and for what is no qcow2 that can be read."""
    try:
        with path.open("rb", buffering=0) as file:
            magic, _version, offset, length = _HEADER.unpack(file.read(_HEADER.size))
            if magic != _MAGIC or not offset or length > _LONGEST:
                return ""
            file.seek(offset)
            return file.read(length).decode("utf-8", errors="replace")
    except (OSError, struct.error):
        return ""
