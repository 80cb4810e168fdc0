"""Changes of image files, overlays and config drives."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from backends.settings import OVERLAY, RESCUE


@dataclass(frozen=True, slots=True)
class ImportImage:
    """Bring an image in from a path or an http(s) URL: copied, hashed, checked, then renamed.

    `claimed` is the format the image is said to have; what is found must be the same.
    `sha256` and `sha512`, where not empty, are what the checksums must be.
    """

    id: str
    source: str
    claimed: str
    sha256: str = ""
    sha512: str = ""

    @property
    def text(self) -> str:
        return f"import image {self.id} from {_without_password(self.source)}"


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """Remove an image's file, and what an interrupted import left."""

    id: str

    @property
    def text(self) -> str:
        return f"remove image {self.id}"


@dataclass(frozen=True, slots=True)
class CreateOverlay:
    """Make a disk of an instance's own: a qcow2 overlay of `size` bytes on an image.

    `image_id` None makes an empty disk. `size` 0 takes the image's own. `disk` is its file's name.
    """

    instance_id: str
    image_id: str | None
    image_format: str
    size: int
    disk: str = OVERLAY

    @property
    def text(self) -> str:
        kind = "rescue" if self.disk == RESCUE else "root"
        return f"create the {kind} disk of {self.instance_id}"


@dataclass(frozen=True, slots=True)
class CopyDisk:
    """Copy a disk of an instance's own to another of `size` bytes, which is no smaller.

    No domain may be writing to it.
    """

    instance_id: str
    source: str
    disk: str
    size: int

    @property
    def text(self) -> str:
        return f"copy the root disk of {self.instance_id} to one of {self.size >> 30} GiB"


@dataclass(frozen=True, slots=True)
class RemoveDisk:
    """Remove a disk of an instance's own."""

    instance_id: str
    disk: str

    @property
    def text(self) -> str:
        return f"remove {self.disk} of {self.instance_id}"


@dataclass(frozen=True, slots=True)
class CreateConfigDrive:
    """Make an ISO 9660 image labelled `config-2` (the OpenStack config drive) of these files.

    `files` are `(path in the drive, text)`; `digest` goes into the file's name. An older drive of
    the instance is removed. The text may hold secrets: it never shows in `text` or arguments.
    """

    instance_id: str
    digest: str
    files: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        return f"create the config drive of {self.instance_id}"

    def __repr__(self) -> str:
        return f"CreateConfigDrive({self.instance_id!r}, {self.digest!r})"


@dataclass(frozen=True, slots=True)
class RemoveInstanceFiles:
    """Remove an instance's folder: overlay, config drive, console log."""

    instance_id: str

    @property
    def text(self) -> str:
        return f"remove the files of {self.instance_id}"


def _without_password(source: str) -> str:
    """The path or URL, without a user and password that the URL may hold."""
    if "@" not in source or "://" not in source:
        return source
    try:
        parts = urlsplit(source)
    except ValueError:
        return "a URL that cannot be read"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
