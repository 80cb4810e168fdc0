"""The images of a cloud on this machine: base files that nobody writes to again.

A file `images/<id>` belongs to root, mode 0400. Its first domain's start makes it QEMU's user's
(libvirt's dynamic ownership, which does not give back what several domains share), so that QEMU
may read it, and others may not.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from backends.drivers.labels.names import check_id, is_id
from backends.drivers.qemu_img import probe
from backends.drivers.qemu_img.facts import ImageFile
from backends.drivers.qemu_img.steps import ImportImage
from backends.drivers.qemu_img.transfer import Sums, copy_in
from backends.drivers.step import Progress
from backends.errors import MachineFailed, Refused
from backends.hosts import Host, listing
from backends.hosts.local import disk_error
from backends.settings import Settings

_SUMS = ".sums"
_PARTIAL = ".partial"
_MODE = 0o400


@dataclass(frozen=True, slots=True)
class ImageDescription:
    """An imported image: `size` of its file and `virtual_size` of its disk in bytes.

    `format` in Glance's words; checksums in lower-case hexadecimal.
    """

    size: int
    virtual_size: int
    format: str
    sha256: str
    sha512: str


class Images:
    """Imports, describes and removes one cloud's images."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host

    def add(self, step: ImportImage, progress: Progress) -> None:
        """Copy, check, describe, then name it: what has the name is whole.

        Raises what `transfer.copy_in` and `probe.inspect` raise, and Refused
        `image.checksum.mismatch`; nothing is left then.
        """
        if self._host.exists(self._path(step.id)):
            return
        self._host.make_dir(self._settings.images)
        partial = self._partial(step.id)
        self._host.remove(partial)
        try:
            sums = copy_in(step.source, partial, progress)
            self._accept(step, partial, sums)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    def describe(self, image_id: str) -> ImageDescription:
        """What the import found. Raises MachineFailed `image.missing`."""
        text = self._host.read_text(self._sums(image_id))
        if text is None or not self._host.exists(self._path(image_id)):
            raise MachineFailed("image.missing", f"image {image_id} is not on this host")
        try:
            return ImageDescription(**json.loads(text))
        except (TypeError, ValueError):
            raise MachineFailed(
                "image.sums.damaged", f"{self._sums(image_id)} is damaged; import the image again"
            ) from None

    def remove(self, image_id: str) -> None:
        """Remove its file, its description, and what an interrupted import left."""
        self._host.remove(self._path(image_id))
        self._host.remove(self._sums(image_id))
        self._host.remove(self._partial(image_id))

    def facts(self, ids: Collection[str] | None) -> Mapping[str, ImageFile]:
        """The images by id: all, or those of `ids` that are there."""
        folder = self._settings.images
        if not self._host.exists(folder):
            return {}
        return {
            name: ImageFile(name, size)
            for name, size in listing.sizes(self._host, folder)
            if is_id(name) and not name.endswith(_SUMS) and (ids is None or name in ids)
        }

    def leftovers(self) -> frozenset[str]:
        """Ids that are no image here, of which an interrupted step left something."""
        names = set(self._host.list_dir(self._settings.images))
        sums = {name.removesuffix(_SUMS) for name in names if name.endswith(_SUMS)}
        partial = {
            name[1:].removesuffix(_PARTIAL)
            for name in names
            if name.startswith(".") and name.endswith(_PARTIAL)
        }
        return frozenset(each for each in (sums | partial) - names if is_id(each))

    def _accept(self, step: ImportImage, partial: Path, sums: Sums) -> None:
        for name, wanted, found_sum in (
            ("SHA-256", step.sha256, sums.sha256),
            ("SHA-512", step.sha512, sums.sha512),
        ):
            if wanted and found_sum != wanted.lower():
                raise Refused(
                    "image.checksum.mismatch",
                    f"the image's {name} is {found_sum}, not {wanted}; fetch it again",
                )
        found = probe.inspect(partial, step.claimed)
        description = ImageDescription(
            sums.size, found.virtual_size, found.format, sums.sha256, sums.sha512
        )
        self._host.write_text(self._sums(step.id), json.dumps(asdict(description)))
        try:
            partial.chmod(_MODE)
            partial.rename(self._path(step.id))
            _sync(self._settings.images)
        except OSError as error:
            raise disk_error(error, partial) from error

    def _path(self, image_id: str) -> Path:
        return self._settings.image(check_id(image_id))

    def _sums(self, image_id: str) -> Path:
        return self._settings.images / (check_id(image_id) + _SUMS)

    def _partial(self, image_id: str) -> Path:
        return self._settings.images / f".{check_id(image_id)}{_PARTIAL}"


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
