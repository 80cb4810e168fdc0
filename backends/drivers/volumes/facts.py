"""Volumes as they are: logical volumes by their tags, files by their names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VolumeFact:
    """A volume on this host: `size` in bytes, `label` its JSON label (empty where it has none)."""

    id: str
    driver: str
    size: int
    label: str = ""
