"""What a driver of volumes can do: the seam between a pool and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from backends.drivers.step import Progress
from backends.drivers.volumes.facts import PoolFact, SnapshotFact, VolumeFact
from backends.drivers.volumes.steps import Shot
from backends.hosts import Host

# Writes a new volume's content to a path on the pool's host, which is of its size and empty.
Fill = Callable[[Path, Progress], None]


class Moment(Protocol):
    """The guests that write to volumes meanwhile, and what libvirt does for a copy of them."""

    def still(self) -> AbstractContextManager[None]:
        """Nobody writes within: file systems are frozen where the guests can, processors halted."""
        ...

    def copy(self, targets: Mapping[str, Path], progress: Progress) -> frozenset[str]:
        """Copy what these volumes hold at one moment to these paths, while their guests go on.

        Returns the volumes that were copied so; of the others no guest runs.
        """
        ...


class Backend(Protocol):
    """One pool's volumes. Each verb is idempotent, and what has its name is whole."""

    host: Host

    def create(
        self, volume_id: str, size: int, label: str, fill: Fill | None, progress: Progress
    ) -> None:
        """Make a volume of `size` bytes; with `fill` it is named only when that is done."""
        ...

    def branch(self, volume_id: str, size: int, label: str, kind: str, source_id: str) -> bool:
        """Make a volume that shares the content of a `volume` or `snapshot` of this pool.

        False where the pool cannot; then it is created and filled.
        """
        ...

    def remove(self, volume_id: str, progress: Progress) -> None:
        """Remove a volume, and what an interrupted creation left of it."""
        ...

    def label(self, volume_id: str, label: str) -> None:
        """Replace a volume's label."""
        ...

    def extend(self, volume_id: str, size: int) -> None:
        """Let it have at least `size` bytes."""
        ...

    def snapshot(self, shots: Sequence[Shot], moment: Moment, progress: Progress) -> None:
        """Make snapshots, all of one moment."""
        ...

    def remove_snapshot(self, snapshot_id: str, progress: Progress) -> None:
        """Remove a snapshot, and what an interrupted one left."""
        ...

    def label_snapshot(self, snapshot_id: str, label: str) -> None:
        """Replace a snapshot's label."""
        ...

    def revert(self, volume_id: str, snapshot_id: str, size: int, progress: Progress) -> None:
        """Give a volume the content of its snapshot; it keeps its size."""
        ...

    def path(self, volume_id: str) -> Path:
        """Where the pool's host finds a volume: a file or a block device."""
        ...

    def snapshot_path(self, snapshot_id: str) -> AbstractContextManager[Path]:
        """Where the pool's host can read a snapshot meanwhile."""
        ...

    def facts(self, ids: Collection[str] | None) -> Iterator[VolumeFact]:
        """The volumes: all, or those of `ids` that are there."""
        ...

    def snapshots(self) -> Iterator[SnapshotFact]:
        """All snapshots."""
        ...

    def leftovers(self) -> frozenset[str]:
        """Ids of volumes that are not there, of which an interrupted step left something."""
        ...

    def capacity(self) -> PoolFact:
        """How much there is, and how much is free."""
        ...
