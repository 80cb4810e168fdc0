"""What a driver of volumes can do: the seam between a pool and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from backends.drivers.libvirt.spec import Disk
from backends.drivers.step import Progress
from backends.drivers.volumes.facts import PoolFact, SnapshotFact, VolumeFact
from backends.drivers.volumes.steps import Shot, Source
from backends.hosts import Host

# Writes a new volume's content to a path on the pool's host, which is of its size and empty.
Fill = Callable[[Path, Progress], None]
T = TypeVar("T")


class Contents(NamedTuple):
    """What a look found in a pool."""

    volumes: Sequence[VolumeFact]
    snapshots: Sequence[SnapshotFact] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One look at pools: at the volumes of these ids or at all, and at all snapshots or at none.

    What is read for one pool is kept for those that lie together with it, as long as the look.
    """

    ids: Collection[str] | None = None
    snapshots: bool = False
    _read: dict[Any, Any] = field(default_factory=dict)

    def wants(self, volume_id: str) -> bool:
        """Whether it is at this volume."""
        return self.ids is None or volume_id in self.ids

    def once(self, what: object, read: Callable[[], T]) -> T:
        """What `read` gives, which is asked but once."""
        if what not in self._read:
            self._read[what] = read()
        found: T = self._read[what]
        return found


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


class Mirror(Protocol):
    """A running guest's disks, by their serials, of which it can be given a copy instead."""

    def runs(self) -> bool:
        """Whether the guest can write."""
        ...

    def place(self, serial: str) -> str | None:
        """The path that the disk has now; of a guest that is off, the one that it starts with."""
        ...

    def is_at_work(self, serial: str) -> bool:
        """Whether a copy goes on that somebody began."""
        ...

    def goes_over(self, serial: str) -> bool:
        """Whether the guest was told to go over to the copy, and is about to."""
        ...

    def begin(self, disk: Disk) -> None:
        """Begin to copy the disk of this serial to this one, which is there and as large."""
        ...

    def finish(self, disk: Disk, progress: Progress, ready: Callable[[], None]) -> None:
        """Wait until all is copied, do what makes the copy `ready`, and let the guest go over."""
        ...

    def catch_up(self, serial: str) -> None:
        """Wait until a copy lacks nothing of what its guest wrote, who writes no more."""
        ...

    def abort(self, serial: str) -> None:
        """End a copy; the guest stays where it is."""
        ...


class Backend(Protocol):
    """One pool's volumes. Each verb is idempotent, and what has its name is whole."""

    host: Host

    def create(
        self, volume_id: str, size: int, label: str, fill: Fill | None, progress: Progress
    ) -> None:
        """Make a volume of `size` bytes; with `fill` it is named only when that is done."""
        ...

    def reserve(self, volume_id: str, size: int) -> None:
        """Make an empty one that is none yet: without a label."""
        ...

    def branch(self, volume_id: str, size: int, label: str, source: Source) -> bool:
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

    def empty(self, volume_id: str) -> bool:
        """Let it read as zeros and take no space; False where it cannot: it is as it was then."""
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

    def look(self, look: Look) -> Contents:
        """What is there of what the look wants. Raises MachineFailed where it cannot be told."""
        ...

    def leftovers(self) -> frozenset[str]:
        """Ids of volumes that are not there, of which an interrupted step left something."""
        ...

    def capacity(self) -> PoolFact:
        """How much there is, and how much is free."""
        ...
