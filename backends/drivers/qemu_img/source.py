"""Where an image comes from: a file, an http(s) URL, or a stream that somebody pipes in."""

from __future__ import annotations

import http.client
import os
import time
from typing import BinaryIO, Protocol

from backends.drivers.qemu_img import web
from backends.drivers.qemu_img.person import check_plain, open_as
from backends.drivers.qemu_img.refusals import LARGEST, LARGEST_OF_MEMBERS, too_large
from backends.drivers.qemu_img.steps import UPLOAD
from backends.errors import MachineFailed, Refused

_TRIES = 5
_PAUSE = 0.2  # seconds before the second try; each further one waits twice as long


class Source(Protocol):
    """Bytes to read. `total` is None where it is not known.

    `identity` changes when the content does; where it is not empty, reading can begin anywhere.
    `largest` is how many bytes are taken of it.
    """

    total: int | None
    identity: str
    largest: int

    def skip(self, offset: int) -> None:
        """Go on at this offset; only before the first read."""
        ...

    def read(self, amount: int) -> bytes:
        """So many bytes, or what there is; none at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_source(source: str, uid: int | None, upload: BinaryIO | None = None) -> Source:
    """Open it as the user with this id; None is the cloud's admin.

    Raises Refused `image.source.invalid`, `image.source.missing`, `image.path.*`,
    `image.too_large`; MachineFailed `image.source.failed`.
    """
    found: Source
    if source.startswith(("http://", "https://")):
        found = _Url(source, own=uid is None)
    elif source.startswith("/"):
        found = _File(source, uid)
    elif source == UPLOAD:
        found = _Upload(upload)
    else:
        raise Refused(
            "image.source.invalid",
            "an image comes from an absolute path, or from a URL that begins http:// or https://",
        )
    found.largest = LARGEST if uid is None else LARGEST_OF_MEMBERS
    if found.total is not None and found.total > found.largest:
        found.close()
        most = found.largest >> 40
        raise too_large(f"the image has {found.total} bytes; at most {most} TiB are taken")
    return found


class _File:
    largest = LARGEST

    def __init__(self, path: str, uid: int | None) -> None:
        descriptor = open_as(uid, path, os.O_RDONLY)
        check_plain(descriptor, path, "image.source.invalid", devices=uid is None)
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115
        status = os.fstat(descriptor)
        # A block device's size is where it ends.
        self.total: int | None = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        stamp = (status.st_dev, status.st_ino, self.total, status.st_mtime_ns)
        self.identity = "file:" + ":".join(map(str, stamp))

    def skip(self, offset: int) -> None:
        self._file.seek(offset)

    def read(self, amount: int) -> bytes:
        try:
            return self._file.read(amount)
        except OSError as error:
            raise _stopped(error) from error

    def close(self) -> None:
        self._file.close()


class _Upload:
    largest = LARGEST
    identity = ""
    total: int | None = None

    def __init__(self, stream: BinaryIO | None) -> None:
        if stream is None:
            raise Refused(
                "image.source.gone", "what was piped in ended with its process; pipe it in again"
            )
        self._stream = stream

    def skip(self, offset: int) -> None:
        raise Refused("image.source.gone", "what is piped in comes from its beginning only")

    def read(self, amount: int) -> bytes:
        try:
            return self._stream.read(amount)
        except OSError as error:
            raise _stopped(error) from error

    def close(self) -> None:
        """It is its owner's."""


class _Url:
    """A download that goes on where it broke off, as long as the server has the same file."""

    largest = LARGEST

    def __init__(self, url: str, *, own: bool) -> None:
        self._url, self._own = url, own
        self._response = web.get(url, own=own)
        self.total = web.length(self._response)
        self.identity = web.identity(self._response)
        self._at = 0

    def skip(self, offset: int) -> None:
        self._at = offset
        self._again()

    def read(self, amount: int) -> bytes:
        for attempt in range(_TRIES):
            try:
                chunk = self._response.read(amount)
            except (OSError, http.client.HTTPException) as error:
                if not self.identity or attempt == _TRIES - 1:
                    raise _stopped(error) from error
                chunk = b""
            self._at += len(chunk)
            if chunk or self._at == self.total or self.total is None or not self.identity:
                return chunk
            time.sleep(_PAUSE * 2**attempt)
            self._again()
        return b""

    def close(self) -> None:
        self._response.close()

    def _again(self) -> None:
        self._response.close()
        self._response = web.get(self._url, own=self._own, start=self._at, same=self.identity)


def _stopped(error: Exception) -> MachineFailed:
    return MachineFailed(
        "image.source.failed", f"the source stopped in the middle ({error}); try again"
    )
