"""Volumes and snapshots as logical volumes, thick or in a thin pool, labelled by their tags.

A thick volume's snapshot has room for every extent of its origin, so that it never fills up and
is never lost. One of a thin pool stands by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backends.drivers.labels.names import check_id
from backends.drivers.step import Progress
from backends.drivers.volumes import tags
from backends.drivers.volumes.backend import Contents, Fill, Look, Moment
from backends.drivers.volumes.copying import copy
from backends.drivers.volumes.facts import PoolFact, SnapshotFact, VolumeFact
from backends.drivers.volumes.files import volume_in
from backends.drivers.volumes.lvm_commands import Lvm, Row, no_thin_pool
from backends.drivers.volumes.pool import LVM, Pool, volume_name
from backends.drivers.volumes.steps import Shot, Source
from backends.errors import MachineFailed, Refused
from backends.hosts import Host

DRIVER = LVM
_WIPE_CHUNK = 1 << 30
_WIPE_DEADLINE = 600.0
# What a thick snapshot keeps at once of its origin. Of LVM's own 4 KiB each would be written to its
# index by itself: a whole volume of them takes hours where a disk seeks.
_PIECE = "64k"


class LogicalVolumes:
    """The logical volumes of one cloud in a pool.

    `arguments` go to every LVM command that knows them (such as `--config`), `creation` to
    lvcreate alone: how a machine's LVM is set apart is its operator's to say.
    """

    def __init__(
        self,
        cloud: str,
        pool: Pool,
        host: Host,
        arguments: Sequence[str] = (),
        creation: Sequence[str] = (),
    ) -> None:
        self.host = host
        self._cloud = cloud
        self._pool = pool
        self._creation = tuple(creation)
        self._lvm = Lvm(host, pool.group, arguments)

    def create(
        self, volume_id: str, size: int, label: str, fill: Fill | None, progress: Progress
    ) -> None:
        """Make it with its tags, in one command; LVM rounds the size up to whole extents."""
        name = self._name(tags.VOLUME, volume_id)
        found = self._own(name)
        if found is not None and not found.is_partial:
            return
        if found is not None:
            self._lvm.run("lvremove", "--yes", self._path(name))
        self._make(volume_id, size, label, () if fill is None else (tags.PARTIAL,))
        if fill is not None:
            fill(self.path(volume_id), progress)
            self._finish(name)

    def reserve(self, volume_id: str, size: int) -> None:
        """Its tags tell whose it is, and no more."""
        self._make(volume_id, size, "")

    def branch(self, volume_id: str, size: int, label: str, source: Source) -> bool:
        """A thin volume with another's or a snapshot's content, at once; False for a thick one."""
        if not self._pool.thin_pool:
            return False
        name = self._name(tags.VOLUME, volume_id)
        found = self._own(name)
        if found is None:
            owner = tags.write(tags.Owner(self._cloud, volume_id, label))
            self._lvm.run(
                "lvcreate",
                *("--yes", "--snapshot", "--setactivationskip", "n", "--name", name),
                *_each("--addtag", owner),
                self._path(self._name(source.kind, source.id)),
            )
        # Its content is whole from the start; what dies before it is as large is grown later.
        if found is not None or source.size < size:
            self.extend(volume_id, size)
        if found is not None and found.is_partial:
            self._finish(name)
        return True

    def label(self, volume_id: str, label: str) -> None:
        """Replace its label's tags, in one command."""
        self._relabel(tags.VOLUME, volume_id, label)

    def extend(self, volume_id: str, size: int) -> None:
        """Never shorter: what is there stays."""
        name = self._name(tags.VOLUME, volume_id)
        found = self._own(name)
        if found is None:
            raise MachineFailed("volume.missing", f"there is no logical volume {volume_id}")
        if found.size < size:
            self._lvm.run("lvextend", "--yes", "--size", f"{size}b", self._path(name))

    def empty(self, volume_id: str) -> bool:
        """A thin one's blocks go back to the pool; a thick one's stay its own."""
        if self._pool.thin_pool:
            self.host.run(["blkdiscard", str(self.path(volume_id))], timeout=_WIPE_DEADLINE)
        return bool(self._pool.thin_pool)

    def remove(self, volume_id: str, progress: Progress) -> None:
        """Remove it. The next owner of a thick one's extents must not read it: zeros first."""
        name = self._name(tags.VOLUME, volume_id)
        found = self._own(name)
        if found is None:
            return
        device = self.path(volume_id)
        if not self._pool.thin_pool and self.host.exists(device):
            self._wipe(device, found.size, progress)
        self._lvm.run("lvremove", "--yes", self._path(name))

    def snapshot(self, shots: Sequence[Shot], moment: Moment, progress: Progress) -> None:
        """Make all while nobody writes; they count when the last one is there."""
        names = [self._name(tags.SNAPSHOT, shot.snapshot_id) for shot in shots]
        found = [self._own(name) for name in names]
        if all(each is not None and not each.is_partial for each in found):
            return
        for name, each in zip(names, found, strict=True):
            if each is not None:
                self._lvm.run("lvremove", "--yes", self._path(name))
        # One is whole as soon as it is there.
        partial = (tags.PARTIAL,) if len(shots) > 1 else ()
        with moment.still():
            for shot, name in zip(shots, names, strict=True):
                self._take(shot, name, partial)
        if partial:
            self._finish(*names)

    def remove_snapshot(self, snapshot_id: str, progress: Progress) -> None:
        """Remove it; no volume hangs on it."""
        name = self._name(tags.SNAPSHOT, snapshot_id)
        if self._own(name) is not None:
            self._lvm.run("lvremove", "--yes", self._path(name))

    def label_snapshot(self, snapshot_id: str, label: str) -> None:
        """Replace its label's tags."""
        self._relabel(tags.SNAPSHOT, snapshot_id, label)

    def revert(self, volume_id: str, snapshot_id: str, size: int, progress: Progress) -> None:
        """Copy the snapshot over the volume: done again from the start, it ends the same."""
        device = self.path(volume_id)
        with self.snapshot_path(snapshot_id) as source:
            copy(self.host, source, device, progress, hollow=self.empty(volume_id))

    def path(self, volume_id: str) -> Path:
        """Its block device, while it is active."""
        return Path("/dev") / self._require_group() / self._name(tags.VOLUME, volume_id)

    @contextmanager
    def snapshot_path(self, snapshot_id: str) -> Iterator[Path]:
        """Its block device. A thin one is not activated by itself."""
        name = self._name(tags.SNAPSHOT, snapshot_id)
        if self._pool.thin_pool:
            self._lvm.run("lvchange", "--activate", "y", "--ignoreactivationskip", self._path(name))
        yield Path("/dev") / self._require_group() / name

    def look(self, look: Look) -> Contents:
        """By their tags, of which one command tells for all pools of a group."""
        if not self._pool.group:
            return Contents(())
        driver, pool = self._pool.driver, self._pool.name
        rows = [row for row in self._rows(look) if not row.is_partial]
        volumes = [
            VolumeFact(row.owner.volume, driver, row.size, row.owner.label, pool)
            for row in rows
            if row.owner.kind == tags.VOLUME and look.wants(row.owner.volume)
        ]
        snapshots = [
            SnapshotFact(row.owner.volume, volume_in(row.owner.label), driver, row.size,
                         row.owner.label, pool)
            for row in rows
            if row.owner.kind == tags.SNAPSHOT
        ]  # fmt: skip
        return Contents(volumes, snapshots)

    def leftovers(self) -> frozenset[str]:
        """Ids of volumes that were not filled to their end."""
        rows = [row for row in self._rows(Look()) if row.owner.kind == tags.VOLUME]
        return frozenset(row.owner.volume for row in rows if row.is_partial)

    def capacity(self) -> PoolFact:
        """Of the group, or of the thin pool in it."""
        if self._pool.thin_pool:
            return self._lvm.thin_capacity(self._pool.name, self._pool.thin_pool)
        return self._lvm.capacity(self._pool.name)

    def _make(self, volume_id: str, size: int, label: str, more: Sequence[str] = ()) -> None:
        owner = tags.write(tags.Owner(self._cloud, volume_id, label))
        self._lvm.run(
            "lvcreate",
            *("--yes", "--name", self._name(tags.VOLUME, volume_id)),
            *self._room(size),
            *_each("--addtag", [*owner, *more]),
            *self._creation,
            self._require_group(),
        )

    def _room(self, size: int) -> tuple[str, ...]:
        if self._pool.thin_pool:
            return ("--virtualsize", f"{size}b", "--thinpool", self._pool.thin_pool)
        return ("--size", f"{size}b")

    def _take(self, shot: Shot, name: str, partial: Sequence[str]) -> None:
        owner = tags.Owner(self._cloud, shot.snapshot_id, shot.label, tags.SNAPSHOT)
        room = () if self._pool.thin_pool else ("--chunksize", _PIECE, "--extents", "100%ORIGIN")
        self._lvm.run(
            "lvcreate",
            *("--yes", "--snapshot", "--name", name),
            *room,
            *_each("--addtag", [*tags.write(owner), *partial]),
            self._path(self._name(tags.VOLUME, shot.volume_id)),
        )

    def _finish(self, *names: str) -> None:
        self._lvm.run("lvchange", "--deltag", tags.PARTIAL, *map(self._path, names))

    def _relabel(self, kind: str, id_: str, label: str) -> None:
        name = self._name(kind, id_)
        row = self._own(name)
        if row is None:
            raise MachineFailed("volume.missing", f"there is no logical volume {name}")
        wanted = tags.write(tags.Owner(self._cloud, id_, label, kind))
        stale = [tag for tag in row.tags if tag not in wanted and tag.startswith("qd.")]
        fresh = [tag for tag in wanted if tag not in row.tags]
        if stale or fresh:
            self._lvm.run(
                "lvchange",
                *_each("--deltag", stale),
                *_each("--addtag", fresh),
                self._path(name),
            )

    def _own(self, name: str) -> Row | None:
        """The volume, or None. Raises Refused `volume.foreign` where its name is another's."""
        self._require_group()
        there, row = self._lvm.find(name)
        if not there:
            return None
        if row is not None and row.owner.cloud == self._cloud:
            return row
        raise Refused(
            "volume.foreign",
            f"{self._path(name)} does not carry the label of cloud {self._cloud}; it is left alone",
        )

    def _rows(self, look: Look) -> list[Row]:
        names, rows = look.once((self.host, self._require_group()), self._lvm.all)
        if (thin_pool := self._pool.thin_pool) and thin_pool not in names:
            raise no_thin_pool(self._pool.group, thin_pool)
        return [
            row for row in rows if row.owner.cloud == self._cloud and row.thin_pool == thin_pool
        ]

    def _name(self, kind: str, id_: str) -> str:
        # Names that begin with "snapshot" are LVM's own (lvm(8), "Valid names").
        check_id(id_)
        return f"snap-{id_}" if kind == tags.SNAPSHOT else volume_name(id_, self._pool)

    def _path(self, name: str) -> str:
        return f"{self._pool.group}/{name}"

    def _wipe(self, device: Path, size: int, progress: Progress) -> None:
        for start in range(0, size, _WIPE_CHUNK):
            progress(start / size)
            self.host.run(
                [
                    *("blkdiscard", "--zeroout", "--offset", str(start)),
                    *("--length", str(min(_WIPE_CHUNK, size - start)), str(device)),
                ],
                timeout=_WIPE_DEADLINE,
            )

    def _require_group(self) -> str:
        if not self._pool.group:
            raise Refused(
                "volume.group.missing", "this cloud has no volume group; use volumes in files"
            )
        return self._pool.group


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (option, value)]
