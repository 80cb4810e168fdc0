"""Images and instances' own files on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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

    `bases` tells by a disk's name the id of the image that it stands on, or the path of what is no
    image of the cloud; a disk that stands on nothing is not in it.
    """

    id: str
    disks: frozenset[str] = frozenset()
    config: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)
