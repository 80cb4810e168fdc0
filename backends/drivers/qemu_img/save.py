"""Giving an image out: to a file of whoever asks, gone on with where it broke off, and held to its
checksum before it has its name."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

from backends.drivers.qemu_img.images import Images
from backends.drivers.qemu_img.person import act_as, check_plain, open_as
from backends.drivers.qemu_img.transfer import write_sparsely
from backends.drivers.step import Progress
from backends.errors import Cancelled, MachineFailed
from backends.hosts.local import disk_error

_CHUNK = 4 << 20
PART = ".part"


def save(images: Images, image_id: str, path: str, uid: int | None, progress: Progress) -> None:
    """Copy the file to `path`, as the user `uid`, over what is there.

    Raises Refused `image.path.*`; MachineFailed `image.missing`, `image.damaged`, `disk.full`;
    what `progress` raises. Until it is done it is `<path>.part`, which goes if it is cancelled.
    """
    described = images.describe(image_id)
    part = path + PART
    descriptor = open_as(uid, part, os.O_RDWR | os.O_CREAT, 0o666)
    check_plain(descriptor, part, "image.path.invalid")
    try:
        with (
            open(descriptor, "r+b", buffering=0) as target,
            images.path(image_id).open("rb", buffering=0) as source,
        ):
            digest = _copy(source, target, described.size, progress)
            os.fsync(descriptor)
    except Cancelled:
        act_as(uid, part, lambda: os.unlink(part))
        raise
    except OSError as error:
        raise disk_error(error, images.path(image_id)) from error
    if digest != described.sha256:
        act_as(uid, part, lambda: os.unlink(part))
        raise MachineFailed(
            "image.damaged", f"the file of image {image_id} has changed; repair the image"
        )
    act_as(uid, path, lambda: os.replace(part, path))


def _copy(source: BinaryIO, target: BinaryIO, size: int, progress: Progress) -> str:
    """After what the target has of it already; gives the SHA-256 of the whole."""
    sha256 = hashlib.sha256()
    done, same = 0, True
    while chunk := source.read(_CHUNK):
        sha256.update(chunk)
        if same and target.read(len(chunk)) != chunk:
            # From here on it is another file's, or was never written.
            os.ftruncate(target.fileno(), done)
            same = False
        if not same:
            write_sparsely(target.fileno(), chunk, done)
        done += len(chunk)
        progress(done / size if size else 1.0)
    os.ftruncate(target.fileno(), done)
    return sha256.hexdigest()
