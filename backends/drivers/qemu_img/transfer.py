"""Copying an image in: from a file or over HTTP, hashed on the way, holes kept."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from backends.drivers.step import Progress
from backends.errors import MachineFailed, Refused
from backends.hosts.local import disk_error

_CHUNK = 1 << 20
# The piece that becomes a hole where it holds only zeros.
_BLOCK = 64 * 1024
_ZEROS = bytes(_BLOCK)
_NETWORK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sums:
    """What was copied: `size` in bytes, checksums in lower-case hexadecimal."""

    size: int
    sha256: str
    sha512: str


class _Readable(Protocol):
    def read(self, amount: int, /) -> bytes: ...


def copy_in(source: str, target: Path, progress: Progress) -> Sums:
    """Copy `source` (a path or an http(s) URL) into the new file `target`, and sync it to disk.

    Raises Refused `image.source.invalid`, `image.source.missing`; MachineFailed
    `image.source.failed`, `image.source.incomplete`, `disk.full`, `disk.failed`; what `progress`
    raises. The target may then be there in part.
    """
    with _open_source(source) as (reader, total):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(target, flags, 0o600), "wb", buffering=0) as file:
                sums = _copy(reader, total, file, progress)
        except OSError as error:
            raise disk_error(error, target) from error
    if total is not None and sums.size != total:
        raise MachineFailed(
            "image.source.incomplete",
            f"only {sums.size} of {total} bytes came from the source; try again",
        )
    return sums


def _copy(reader: _Readable, total: int | None, file: BinaryIO, progress: Progress) -> Sums:
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    size = 0
    while chunk := _read(reader):
        sha256.update(chunk)
        sha512.update(chunk)
        _write(file, chunk)
        size += len(chunk)
        progress(min(1.0, size / total) if total else 0.0)
    file.truncate(size)
    os.fsync(file.fileno())
    return Sums(size, sha256.hexdigest(), sha512.hexdigest())


def _read(reader: _Readable) -> bytes:
    try:
        return reader.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise MachineFailed(
            "image.source.failed", f"the source stopped in the middle ({error}); try again"
        ) from error


def _write(file: BinaryIO, chunk: bytes) -> None:
    """Write it all, but leave a hole where a whole block is zeros."""
    view = memoryview(chunk)
    for start in range(0, len(view), _BLOCK):
        block = view[start : start + _BLOCK]
        if block == _ZEROS[: len(block)]:
            file.seek(len(block), os.SEEK_CUR)
            continue
        while block:
            block = block[file.write(block) :]


@contextmanager
def _open_source(source: str) -> Iterator[tuple[_Readable, int | None]]:
    """What to read, and how many bytes it should be (None: it does not say)."""
    if source.startswith(("http://", "https://")):
        with contextlib.closing(_open_url(source)) as response:
            length = response.headers.get("Content-Length", "")
            yield response, int(length) if length.isdecimal() else None
    elif source.startswith("/"):
        with _open_file(source) as file:
            yield file, os.fstat(file.fileno()).st_size
    else:
        raise Refused(
            "image.source.invalid",
            "an image comes from an absolute path, or from a URL that begins http:// or https://",
        )


def _open_file(source: str) -> BinaryIO:
    try:
        # A FIFO would block at opening: it is refused below.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused("image.source.missing", f"{source}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused("image.source.invalid", f"{source} is not a file")
    return open(descriptor, "rb", buffering=0)


def _open_url(source: str) -> http.client.HTTPResponse:
    opener = urllib.request.OpenerDirector()
    # Only these: the usual set would follow a redirect to FTP, and read local files.
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    try:
        response: http.client.HTTPResponse = opener.open(source, timeout=_NETWORK_SECONDS)
    except urllib.error.HTTPError as error:
        raise MachineFailed(
            "image.source.failed", f"the server answered {error.code} {error.reason}"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise MachineFailed("image.source.failed", f"cannot fetch the image: {error}") from error
    return response
