"""The log of a guest's serial line: its tail, and what is added to it."""

from __future__ import annotations

import contextlib
import os
from io import FileIO
from pathlib import Path

# What a viewer that comes later is shown of before, in bytes.
SCROLLBACK = 64 * 1024


def tail(path: Path, size: int = SCROLLBACK) -> bytes:
    """The last `size` bytes; empty where there is no log."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)
    return b""


class LogReader:
    """Reads the log's last `back` bytes and what is added, also when virtlogd rotates it."""

    def __init__(self, path: Path, back: int = SCROLLBACK) -> None:
        self._path = path
        self._file = _open(path)
        if self._file is not None:
            size = os.fstat(self._file.fileno()).st_size
            self._file.seek(max(0, size - back))

    def read(self) -> bytes:
        """What came since the last call ; empty where nothing did."""
        data = self._file.read(SCROLLBACK) if self._file is not None else b""
        if not data and self._replaced():
            self.close()
            self._file = _open(self._path)
            data = self._file.read(SCROLLBACK) if self._file is not None else b""
        return data

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _replaced(self) -> bool:
        """Whether the path leads to another file than the one that is open, or it was cut."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        here = os.fstat(self._file.fileno())
        return there.st_ino != here.st_ino or there.st_size < self._file.tell()


def _open(path: Path) -> FileIO | None:
    """The file opened for reading, unbuffered, so that what is added is seen."""
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None
