"""Changes of image files, overlays and config drives."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from backends.settings import OVERLAY, RESCUE

# The source of an image that is piped in.
UPLOAD = "upload:"


@dataclass(frozen=True, slots=True)
class ImportImage:
    """Bring an image in from a path or an http(s) URL: copied, hashed, checked, then renamed.

    `claimed` is the format the image is said to have; what is found must be the same.
    `sha256` and `sha512`, where not empty, are what the checksums must be. A path is read as the
    user `uid`, None for the cloud's admin. `replace` puts it in the place of a damaged one.
    """

    id: str
    source: str
    claimed: str
    sha256: str = ""
    sha512: str = ""
    uid: int | None = None
    replace: bool = False

    @property
    def text(self) -> str:
        if self.source == UPLOAD:
            return f"import image {self.id} from what is piped in"
        return f"import image {self.id} from {without_password(self.source)}"


@dataclass(frozen=True, slots=True)
class ConvertImage:
    """Write an image anew in another format, and put that in its place."""

    id: str
    format: str
    to: str

    @property
    def text(self) -> str:
        return f"convert image {self.id} from {self.format} to {self.to}"


@dataclass(frozen=True, slots=True)
class CloseImage:
    """Give an image's file back to root, for QEMU to read and nobody to write."""

    id: str

    @property
    def text(self) -> str:
        return f"close image {self.id} to all writers"


@dataclass(frozen=True, slots=True)
class VerifyImage:
    """Hold an image's file to its checksums, and its tables to `qemu-img check`."""

    id: str
    format: str
    sha256: str
    sha512: str

    @property
    def text(self) -> str:
        return f"verify image {self.id}"


@dataclass(frozen=True, slots=True)
class SaveImage:
    """Copy an image's file to a path, as the user `uid`; None is the cloud's admin.

    What an earlier try left at `<path>.part` is gone on with.
    """

    id: str
    path: str
    uid: int | None = None

    @property
    def text(self) -> str:
        return f"save image {self.id} as {self.path}"


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

    It is a converted copy where QEMU is not to stand on the image's format, and empty beside an
    ISO. `image_id` None makes an empty disk. `size` 0 takes the image's own. `disk` is the name of
    its file.
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
class CopyOut:
    """Copy a disk of an instance's own to a qcow2 that stands on nothing, unless that is there."""

    instance_id: str
    disk: str
    copy: str

    @property
    def text(self) -> str:
        return f"copy the root disk of {self.instance_id}"


@dataclass(frozen=True, slots=True)
class RemoveDisk:
    """Remove a disk of an instance's own."""

    instance_id: str
    disk: str

    @property
    def text(self) -> str:
        return f"remove {self.disk} of {self.instance_id}"


@dataclass(frozen=True, slots=True)
class RebaseDisk:
    """Make a disk of an instance that is off stand on another image; None: on nothing.

    What the guest sees stays the same: the difference is copied into the disk first.
    """

    instance_id: str
    disk: str
    image_id: str | None
    image_format: str = ""

    @property
    def text(self) -> str:
        if self.image_id is None:
            return f"copy into the root disk of {self.instance_id} what it stands on"
        return f"put the root disk of {self.instance_id} on image {self.image_id}"


@dataclass(frozen=True, slots=True)
class CommitDisk:
    """Write what a disk of an instance that is off holds into the image that it stands on.

    `image_format` in Glance's words. Where the disk is gone, the image is only described again.
    """

    instance_id: str
    disk: str
    image_id: str
    image_format: str

    @property
    def text(self) -> str:
        return f"write the root disk of {self.instance_id} into image {self.image_id}"


@dataclass(frozen=True, slots=True)
class EmptyDisk:
    """Drop what a disk of an instance that is off holds beside its image, which holds it too."""

    instance_id: str
    disk: str
    image_id: str
    image_format: str

    @property
    def text(self) -> str:
        return f"empty the root disk of {self.instance_id}"


@dataclass(frozen=True, slots=True)
class CheckDisk:
    """Have QEMU read all tables of a disk of an instance that is off."""

    instance_id: str
    disk: str

    @property
    def text(self) -> str:
        return f"check the root disk of {self.instance_id}"


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


def without_password(source: str) -> str:
    """The path or URL, without a user and password that the URL may hold."""
    if "@" not in source or "://" not in source:
        return source
    try:
        parts = urlsplit(source)
    except ValueError:
        return "a URL that cannot be read"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def origin_of(source: str | None) -> str | None:
    """Where an image can be fetched from again: a path or a URL, without its password."""
    if source is None or not source.startswith(("/", "http://", "https://")):
        return None
    return without_password(source)
