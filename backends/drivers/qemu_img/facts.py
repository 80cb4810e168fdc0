"""Images and instances' own files on disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image that is on this host. `size` in bytes.

    `closed` says that it is root's and QEMU may only read it.
    """

    id: str
    size: int
    closed: bool = True


@dataclass(frozen=True, slots=True)
class InstanceFiles:
    """What the instance's folder holds: disks by name, the digest in the config drive's name.

    `base` is the id of the image that its root disk stands on, empty for none, and the path where it
    is no image of the cloud.
    """

    id: str
    disks: frozenset[str] = frozenset()
    config: str = ""
    base: str = ""
