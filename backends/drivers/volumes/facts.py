"""Volumes as they are: logical volumes by their tags, files by their names."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from backends.settings import DEFAULT_POOL


@dataclass(frozen=True, slots=True)
class VolumeFact:
    """A volume: `size` in bytes, `label` its JSON label (empty where it has none).

    `offered` says that instances can reach it: one on a storage host needs a target.
    `elsewhere` are copies of it in other pools, as a migration leaves them that was killed.
    """

    id: str
    driver: str
    size: int
    label: str = ""
    pool: str = DEFAULT_POOL
    offered: bool = True
    elsewhere: tuple[VolumeFact, ...] = ()

    def places(self) -> tuple[VolumeFact, ...]:
        """It and its copies, each by itself."""
        return (self, *self.elsewhere)

    def in_pool(self, pool: str) -> VolumeFact | None:
        """Its copy in a pool."""
        return next((each for each in self.places() if each.pool == pool), None)


@dataclass(frozen=True, slots=True)
class SnapshotFact:
    """A snapshot of a volume: `size` in bytes."""

    id: str
    volume_id: str
    driver: str
    size: int
    label: str = ""
    pool: str = DEFAULT_POOL


@dataclass(frozen=True, slots=True)
class PoolFact:
    """A pool: `size` and `free` in bytes; `error` says why it cannot be reached, if so.

    `metadata` is the filled share (0 to 1) of a thin pool's own metadata.
    """

    name: str
    size: int = 0
    free: int = 0
    metadata: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """What a look at pools found: volumes and snapshots by id, and by name what is out of reach."""

    volumes: dict[str, VolumeFact] = field(default_factory=dict)
    snapshots: dict[str, SnapshotFact] = field(default_factory=dict)
    away: dict[str, PoolFact] = field(default_factory=dict)


def backup_in(label: str) -> Path | None:
    """The folder that a backup's label names; None where it is not readable."""
    try:
        return Path(json.loads(label)["backup"]["folder"])
    except (ValueError, KeyError, TypeError):
        return None
