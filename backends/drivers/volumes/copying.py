"""Copying disks: bytes from path to path on one host, holes kept, with progress."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from backends.drivers.step import Progress
from backends.drivers.volumes import sparse
from backends.errors import MachineFailed
from backends.hosts import Host, LocalHost
from backends.hosts.local import disk_error

CHUNK = 4 << 20
_ZEROS = bytes(CHUNK)


def copy(
    host: Host, source: Path, target: Path, progress: Progress, *, hollow: bool = False
) -> None:
    """Copy all of `source` over `target`, which is of its size at least.

    A file that is one hole keeps holes wherever the source has only zeros; so does a device that
    is said to be `hollow`, as one of a thin pool is that was just made. Raises MachineFailed
    `disk.*`, what `progress` raises.
    """
    if not isinstance(host, LocalHost):
        _copy_there(host, source, target, hollow=hollow)
        return
    if not _is_device(source) and not _is_device(target) and _reflink(host, source, target):
        return
    try:
        with closing(Disk(source)) as reading, closing(Disk(target, writes=True)) as writing:
            hollow = hollow or (not _is_device(target) and writing.is_hollow())
            for offset, data in reading.chunks(holes=not hollow):
                if not (hollow and is_zero(data)):
                    writing.write(offset, data)
                progress(min(1.0, offset / max(1, reading.size)))
            writing.sync()
    except OSError as error:
        raise disk_error(error, target) from error


class Disk:
    """A file or a block device on this machine, read and written in place."""

    def __init__(self, path: Path, *, writes: bool = False) -> None:
        self.path = path
        self._file = os.open(path, (os.O_RDWR if writes else os.O_RDONLY) | os.O_CLOEXEC)
        self.size = os.lseek(self._file, 0, os.SEEK_END)

    def chunks(self, *, holes: bool = True) -> Iterator[tuple[int, bytes]]:
        """Its content with offsets, in pieces of `CHUNK` bytes; what is a hole is left out."""
        offset = 0
        while offset < self.size:
            if not holes:
                offset = self._data_after(offset)
                if offset >= self.size:
                    return
            length = min(CHUNK - offset % CHUNK, self.size - offset)
            hole = self.is_hole(offset, length)
            data = _ZEROS[:length] if hole else self.read(offset, length)
            yield offset, data
            offset += len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer at the end alone."""
        parts = []
        while length and (data := os.pread(self._file, length, offset)):
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of it."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._file, view, offset)
            view, offset = view[done:], offset + done

    def is_hole(self, offset: int, length: int) -> bool:
        """Whether nothing was ever written there, as far as the file system tells."""
        return self._data_after(offset) >= min(offset + length, self.size)

    def is_hollow(self) -> bool:
        """Whether it is one hole."""
        return self._data_after(0) >= self.size

    def sync(self) -> None:
        """What was written outlasts a power cut."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close it."""
        os.close(self._file)

    def _data_after(self, offset: int) -> int:
        try:
            return os.lseek(self._file, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return self.size
            # A device, or a file system without holes: all of it is data.
            if error.errno == errno.EINVAL:
                return offset
            raise


def _copy_there(host: Host, source: Path, target: Path, *, hollow: bool) -> None:
    argv = ["dd", f"if={source}", f"of={target}", f"bs={CHUNK}"]
    if hollow:
        end = sparse.end_of(host, source, sparse.size_of(host, source))
        argv += [f"count={-(-end // CHUNK)}", "conv=fsync,notrunc,sparse"]
    else:
        argv.append("conv=fsync,notrunc")
    host.run([*argv, *sparse.past_cache(source, target)], timeout=sparse.HOURS)


def is_zero(data: bytes) -> bool:
    """Whether there are only zeros, in at most `CHUNK` bytes."""
    return data == _ZEROS if len(data) == CHUNK else data == bytes(len(data))


def _is_device(path: Path) -> bool:
    return path.is_block_device()


def _reflink(host: Host, source: Path, target: Path) -> bool:
    """Share the blocks, where the file system can."""
    argv = ["cp", "--reflink=always", "--no-target-directory", str(source), str(target)]
    try:
        return host.run(argv, check=False).status == 0
    except MachineFailed:
        return False
