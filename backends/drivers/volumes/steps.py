"""Changes of volumes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Make an empty volume of `size` bytes with its label: a logical volume or a sparse file."""

    id: str
    driver: str
    size: int
    label: str

    @property
    def text(self) -> str:
        return f"create volume {self.id} ({self.size >> 30} GiB, {self.driver})"


@dataclass(frozen=True, slots=True)
class LabelVolume:
    """Put a volume's label right."""

    id: str
    driver: str
    label: str

    @property
    def text(self) -> str:
        return f"label volume {self.id}"


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    """Remove a volume by its recorded id."""

    id: str
    driver: str

    @property
    def text(self) -> str:
        return f"remove volume {self.id}"
