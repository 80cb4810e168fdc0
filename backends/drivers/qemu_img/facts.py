"""Images and instances' own files on disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image that is on this host. `size` in bytes."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class InstanceFiles:
    """What the instance's folder holds: disks by name, the digest in the config drive's name."""

    id: str
    disks: frozenset[str] = frozenset()
    config: str = ""
