"""Copying an image in one pass: read once, hashed on the way, holes kept, and gone on with."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from backends.drivers.qemu_img.refusals import too_large
from backends.drivers.qemu_img.source import Source
from backends.drivers.step import Progress
from backends.errors import MachineFailed
from backends.hosts.local import disk_error

_CHUNK = 4 << 20
# The piece that becomes a hole where it holds only zeros.
_BLOCK = 64 * 1024
_ZEROS = bytes(_BLOCK)


@dataclass(frozen=True, slots=True)
class Sums:
    """What was copied: `size` in bytes, checksums in lower-case hexadecimal."""

    size: int
    sha256: str
    sha512: str


class Hashing:
    """Both checksums at once, each on a processor of its own (hashlib lets go of Python's lock)."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256, self._sha512 = hashlib.sha256(), hashlib.sha512()
        self._beside = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def __enter__(self) -> Hashing:
        return self

    def __exit__(self, *_error: object) -> None:
        self._beside.shutdown()

    def update(self, chunk: bytes) -> None:
        """More of the content."""
        if self._pending is not None:
            self._pending.result()
        self._pending = self._beside.submit(self._sha512.update, chunk)
        self._sha256.update(chunk)
        self.size += len(chunk)

    def sums(self) -> Sums:
        """Of all that came."""
        if self._pending is not None:
            self._pending.result()
        return Sums(self.size, self._sha256.hexdigest(), self._sha512.hexdigest())


def copy_in(source: Source, target: Path, progress: Progress, *, resume: bool = False) -> Sums:
    """Copy the source into the file `target`, and sync it to disk.

    `resume` goes on after what the target has of it, which is read again for its checksums.
    Raises MachineFailed `image.source.failed`, `image.source.incomplete`, `disk.full`,
    `disk.failed`; Refused `image.too_large`; what `progress` raises. The target may then be there
    in part.
    """
    flags = os.O_RDWR | os.O_CREAT | (0 if resume else os.O_EXCL)
    try:
        with (
            open(os.open(target, flags, 0o600), "r+b", buffering=0) as file,
            Hashing() as hashing,
        ):
            if resume:
                for chunk in iter(lambda: file.read(_CHUNK), b""):
                    hashing.update(chunk)
                    progress(_share(hashing.size, source.total))
                source.skip(hashing.size)
            _copy(source, file.fileno(), hashing, progress)
            os.ftruncate(file.fileno(), hashing.size)
            os.fsync(file.fileno())
            sums = hashing.sums()
    except OSError as error:
        raise disk_error(error, target) from error
    if source.total is not None and sums.size != source.total:
        raise MachineFailed(
            "image.source.incomplete",
            f"only {sums.size} of {source.total} bytes came from the source; try again",
        )
    return sums


def hash_file(path: Path, progress: Progress) -> Sums:
    """The checksums of a file. Raises MachineFailed `disk.failed`; what `progress` raises."""
    try:
        with path.open("rb", buffering=0) as file, Hashing() as hashing:
            total = os.fstat(file.fileno()).st_size
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                hashing.update(chunk)
                progress(_share(hashing.size, total))
            return hashing.sums()
    except OSError as error:
        raise disk_error(error, path) from error


def same_content(first: Path, second: Path, progress: Progress) -> bool:
    """Whether two files hold the same, byte for byte."""
    with first.open("rb", buffering=0) as one, second.open("rb", buffering=0) as other:
        total = os.fstat(one.fileno()).st_size
        done = 0
        while True:
            left, right = one.read(_CHUNK), other.read(_CHUNK)
            if left != right:
                return False
            if not left:
                return True
            done += len(left)
            progress(_share(done, total))


def _copy(source: Source, descriptor: int, hashing: Hashing, progress: Progress) -> None:
    while chunk := source.read(_CHUNK):
        offset = hashing.size
        hashing.update(chunk)
        if hashing.size > source.largest:
            raise too_large(f"more than {source.largest >> 40} TiB came, and no end")
        write_sparsely(descriptor, chunk, offset)
        progress(_share(hashing.size, source.total))


def write_sparsely(descriptor: int, chunk: bytes, offset: int) -> None:
    """Write it all at an offset, but leave a hole where a whole block is zeros."""
    begin = 0
    for start in range(0, len(chunk), _BLOCK):
        if chunk[start] or not _is_zero(chunk, start):
            continue
        _write(descriptor, chunk, begin, start, offset)
        begin = start + _BLOCK
    _write(descriptor, chunk, begin, len(chunk), offset)


def _is_zero(chunk: bytes, start: int) -> bool:
    block = chunk[start : start + _BLOCK]
    return block == (_ZEROS if len(block) == _BLOCK else bytes(len(block)))


def _write(descriptor: int, chunk: bytes, begin: int, end: int, offset: int) -> None:
    with memoryview(chunk) as view:
        while begin < end:
            begin += os.pwrite(descriptor, view[begin:end], offset + begin)


def _share(done: int, total: int | None) -> float:
    return min(1.0, done / total) if total else 0.0
