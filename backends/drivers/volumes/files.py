"""Volumes and snapshots as sparse raw files, each with its label in a file beside it.

A snapshot is a copy of its own: by reflink where the file system can (XFS, Btrfs), else of the
bytes. Nothing hangs on anything else, so nothing that is deleted takes another thing along.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from backends.drivers.labels.names import check_id, is_id
from backends.drivers.step import Progress
from backends.drivers.volumes.backend import Contents, Fill, Look, Moment
from backends.drivers.volumes.copying import copy
from backends.drivers.volumes.facts import PoolFact, SnapshotFact, VolumeFact
from backends.drivers.volumes.pool import FILE
from backends.drivers.volumes.steps import Shot, Source
from backends.errors import MachineFailed, QuarterdeckError
from backends.hosts import Host, listing
from backends.settings import DEFAULT_POOL

DRIVER = FILE
_LABEL = ".json"
_PARTIAL = ".partial"
_SNAPSHOTS = "snapshots"


class FileVolumes:
    """The volumes of one cloud in one folder."""

    def __init__(
        self, folder: Path, host: Host, name: str = DEFAULT_POOL, driver: str = DRIVER
    ) -> None:
        self.folder = folder
        self.host = host
        self.snapshots = folder / _SNAPSHOTS
        self._name = name
        self._driver = driver

    def create(
        self, volume_id: str, size: int, label: str, fill: Fill | None, progress: Progress
    ) -> None:
        """Make the file under another name, label it, then name it: it never is without a label."""
        path = self.path(volume_id)
        if self.host.exists(path):
            return
        new = self._draft(path, size)
        if fill is not None:
            fill(new, progress)
            self.host.run(["truncate", f"--size=>{size}", str(new)])
            self.host.run(["sync", str(new)], timeout=600.0)
        self._publish(new, path, label)

    def reserve(self, volume_id: str, size: int) -> None:
        """A file of zeroes, for its owner alone."""
        path = self.path(volume_id)
        self.host.make_dir(path.parent)
        self.host.run(["truncate", f"--size={size}", str(path)])
        self.host.run(["chmod", "0600", str(path)])

    def branch(self, volume_id: str, size: int, label: str, source: Source) -> bool:
        """A file shares its blocks by reflink, which a copy tries first."""
        return False

    def label(self, volume_id: str, label: str) -> None:
        """Replace its label."""
        self.host.write_text(_label_of(self.path(volume_id)), label)

    def remove(self, volume_id: str, progress: Progress) -> None:
        """Remove it. The file goes last but for what an interrupted creation left."""
        self._remove(self.path(volume_id))

    def extend(self, volume_id: str, size: int) -> None:
        """Never shorter: what is there stays."""
        path = self.path(volume_id)
        if not self.host.exists(path):
            raise MachineFailed("volume.missing", f"the file of volume {volume_id} is gone")
        self.host.run(["truncate", f"--size=>{size}", str(path)])

    def empty(self, volume_id: str) -> bool:
        """One hole, where the file system has holes; at no time shorter."""
        argv = ["fallocate", "--punch-hole", "--offset=0", f"--length={self._size(volume_id)}"]
        return self.host.run([*argv, str(self.path(volume_id))], check=False).status == 0

    def snapshot(self, shots: Sequence[Shot], moment: Moment, progress: Progress) -> None:
        """Copy all; they get their names when the last one is whole."""
        paths = {shot.snapshot_id: self._snapshot(shot.snapshot_id) for shot in shots}
        if all(self.host.exists(path) for path in paths.values()):
            return
        for path in paths.values():
            self._remove(path)
        drafts = {
            shot.volume_id: self._draft(paths[shot.snapshot_id], self._size(shot.volume_id))
            for shot in shots
        }
        copied = moment.copy(drafts, progress)
        left = [volume_id for volume_id in drafts if volume_id not in copied]
        with moment.still() if left else nullcontext():
            for number, volume_id in enumerate(left):
                part = _part(progress, number, len(left))
                copy(self.host, self.path(volume_id), drafts[volume_id], part)
        for shot in shots:
            draft = drafts[shot.volume_id]
            self.host.run(["chmod", "0600", str(draft)])
            self.host.run(["chown", "root:root", str(draft)])
            self._publish(draft, paths[shot.snapshot_id], shot.label)

    def remove_snapshot(self, snapshot_id: str, progress: Progress) -> None:
        """Remove it; no volume hangs on it."""
        self._remove(self._snapshot(snapshot_id))

    def label_snapshot(self, snapshot_id: str, label: str) -> None:
        """Replace its label."""
        self.host.write_text(_label_of(self._snapshot(snapshot_id)), label)

    def revert(self, volume_id: str, snapshot_id: str, size: int, progress: Progress) -> None:
        """Copy the snapshot beside the volume, then put it in its place at once."""
        path = self.path(volume_id)
        draft = self._draft(path, size)
        try:
            copy(self.host, self._snapshot(snapshot_id), draft, progress)
        except QuarterdeckError:
            self.host.remove(draft)
            raise
        self.host.run(["truncate", f"--size=>{size}", str(draft)])
        self.host.run(["sync", str(draft)], timeout=600.0)
        self.host.run(["mv", "--no-target-directory", str(draft), str(path)])

    def path(self, volume_id: str) -> Path:
        """Its file."""
        return self.folder / check_id(volume_id)

    @contextmanager
    def snapshot_path(self, snapshot_id: str) -> Iterator[Path]:
        """Its file."""
        yield self._snapshot(snapshot_id)

    def look(self, look: Look) -> Contents:
        """By the files' names; which volume a snapshot is of stands in its label."""
        volumes = [
            VolumeFact(name, self._driver, size, label, self._name)
            for name, size, label in self._labelled(self.folder, look.wants)
        ]
        if not look.snapshots:
            return Contents(volumes)
        found = self._labelled(self.snapshots, lambda name: True)
        snapshots = [
            SnapshotFact(name, volume_in(label), self._driver, size, label, self._name)
            for name, size, label in found
        ]
        return Contents(volumes, snapshots)

    def leftovers(self) -> frozenset[str]:
        """Ids of which an interrupted creation left a label or a nameless file."""
        names = set(self.host.list_dir(self.folder))
        labelled = {name.removesuffix(_LABEL) for name in names if name.endswith(_LABEL)}
        partial = {
            name[1:].removesuffix(_PARTIAL)
            for name in names
            if name.startswith(".") and name.endswith(_PARTIAL)
        }
        return frozenset(each for each in (labelled | partial) - names if is_id(each))

    def capacity(self) -> PoolFact:
        """The file system's size and what is left of it (df(1))."""
        folder = next(each for each in (self.folder, *self.folder.parents) if _there(self, each))
        return self.space(folder)

    def space(self, folder: Path, timeout: float = 30.0) -> PoolFact:
        """The same of the file system that a folder is on; `timeout` in seconds."""
        argv = ["df", "--block-size=1", "--output=size,avail", str(folder)]
        done = self.host.run(argv, reads=True, timeout=timeout)
        size, free = done.stdout.splitlines()[-1].split()
        return PoolFact(self._name, int(size), int(free))

    def _labelled(
        self, folder: Path, wants: Callable[[str], bool]
    ) -> Iterator[tuple[str, int, str]]:
        if not self.host.exists(folder):
            return
        for name, size in listing.sizes(self.host, folder):
            if is_id(name) and not name.endswith(_LABEL) and wants(name):
                yield name, size, self.host.read_text(_label_of(folder / name)) or ""

    def _size(self, volume_id: str) -> int:
        done = self.host.run(["stat", "--format=%s", str(self.path(volume_id))], reads=True)
        return int(done.stdout)

    def _snapshot(self, snapshot_id: str) -> Path:
        return self.snapshots / check_id(snapshot_id)

    def _draft(self, path: Path, size: int) -> Path:
        """A new sparse file under another name, for its owner alone."""
        self.host.make_dir(path.parent)
        draft = _draft_of(path)
        self.host.remove(draft)
        self.host.run(["truncate", f"--size={size}", str(draft)])
        self.host.run(["chmod", "0600", str(draft)])
        return draft

    def _publish(self, draft: Path, path: Path, label: str) -> None:
        self.host.write_text(_label_of(path), label)
        self.host.run(["mv", "--no-target-directory", str(draft), str(path)])

    def _remove(self, path: Path) -> None:
        for each in (_label_of(path), path, _draft_of(path)):
            self.host.remove(each)


def volume_in(label: str) -> str:
    """The id of the volume that a snapshot's label names; empty where it is not readable."""
    try:
        return str(json.loads(label)["snapshot"]["volume_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _there(volumes: FileVolumes, folder: Path) -> bool:
    return folder == Path("/") or volumes.host.exists(folder)


def _part(progress: Progress, number: int, count: int) -> Progress:
    return lambda share: progress((number + share) / count)


def _label_of(path: Path) -> Path:
    return path.with_name(path.name + _LABEL)


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{_PARTIAL}")
