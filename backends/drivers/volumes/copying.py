"""Copying disks: bytes from path to path on one host, holes kept, with progress."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from backends.drivers.step import Progress
from backends.drivers.volumes import sparse
from backends.hosts import Host, LocalHost
from backends.hosts.local import disk_error

CHUNK = 4 << 20
_ZEROS = bytes(CHUNK)
# ioctl_ficlone(2), and how a file system says that it cannot, or not with these files.
_FICLONE = 0x40049409
_CANNOT = (
    *(errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS),
    *(errno.EISDIR, errno.EPERM, errno.ETXTBSY),
)


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
    try:
        with closing(Disk(source)) as reading, closing(Disk(target, writes=True)) as writing:
            if writing.share(reading):
                return
            hollow = hollow or (not _is_device(target) and writing.is_hollow())
            for offset, data in reading.chunks(holes=not hollow):
                if not (hollow and is_zero(data)):
                    writing.write(offset, data)
                progress(min(1.0, offset / max(1, reading.size)))
            writing.sync()
    except OSError as error:
        raise disk_error(error, target) from error


def take_over(source: Path, target: Path, progress: Progress) -> bool:
    """Let a new file, which is one hole, have what another one holds, with the same holes.

    The kernel copies it or shares the blocks, and has written it when this returns. False where it
    cannot. Raises MachineFailed `disk.*`, what `progress` raises.
    """
    try:
        with closing(Disk(source)) as reading, closing(Disk(target, writes=True)) as writing:
            return writing.share(reading) or writing.take(reading, progress)
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

    def share(self, other: Disk) -> bool:
        """Share the blocks of a file that is no larger, where the file system can."""
        try:
            fcntl.ioctl(self._file, _FICLONE, other._file)
        except OSError as error:
            if error.errno in _CANNOT:
                return False
            raise
        self.sync()
        return True

    def take(self, other: Disk, progress: Progress) -> bool:
        """Copy another file's data within the kernel; False where it cannot."""
        offset = 0
        while (offset := other._data_after(offset)) < other.size:
            end = os.lseek(other._file, offset, os.SEEK_HOLE)
            while offset < end:
                length = min(CHUNK, end - offset)
                try:
                    done = os.copy_file_range(other._file, self._file, length, offset, offset)
                except OSError as error:
                    if error.errno in _CANNOT:
                        return False
                    raise
                if not done:
                    return False
                # The disk gets it meanwhile, so that less is left to wait for at the end.
                os.posix_fadvise(self._file, offset, done, os.POSIX_FADV_DONTNEED)
                offset += done
                progress(offset / other.size)
        self.sync()
        return True

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
