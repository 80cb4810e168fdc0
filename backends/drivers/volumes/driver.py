"""Volumes, whatever they are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from backends.drivers.labels.names import check_id
from backends.drivers.step import Progress, Step
from backends.drivers.volumes import moving, steps
from backends.drivers.volumes.backend import Backend, Contents, Fill, Look, Mirror
from backends.drivers.volumes.backups import Backups
from backends.drivers.volumes.facts import PoolFact, Storage, VolumeFact, backup_in
from backends.drivers.volumes.files import FileVolumes
from backends.drivers.volumes.filling import pour_image, seal
from backends.drivers.volumes.keys import Keys
from backends.drivers.volumes.lvm import LogicalVolumes
from backends.drivers.volumes.mounts import mounted
from backends.drivers.volumes.nfs import NfsVolumes
from backends.drivers.volumes.offers import Moments, Offers
from backends.drivers.volumes.pool import (
    FILE,
    LUKS_HEADER,
    LVM,
    LVM_THIN,
    NFS,
    THIN,
    Pool,
    default_pool,
    folder_of,
)
from backends.drivers.volumes.quiet import Quiet
from backends.drivers.volumes.streams import carry, write
from backends.errors import HalfDone, QuarterdeckError, Refused
from backends.hosts import Host, is_one_machine
from backends.settings import Settings

# What lets a running instance's guest go over to the copy of a volume.
Mirrors = Callable[[str], Mirror]
# The host that a pool lies on.
Hosts = Callable[[Pool], Host]


class VolumeDriver:
    """Applies the steps and reads the facts of one cloud's volumes, snapshots and backups.

    `lvm_arguments` go to every LVM command on this machine, `lvm_creation` to lvcreate alone.
    """

    handles: tuple[type, ...] = steps.ALL

    def __init__(
        self,
        settings: Settings,
        host: Host,
        lvm_arguments: Sequence[str] = (),
        lvm_creation: Sequence[str] = (),
        *,
        moments: Moments | None = None,
        hosts: Hosts | None = None,
        mirrors: Mirrors | None = None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._lvm_arguments = tuple(lvm_arguments)
        self._lvm_creation = tuple(lvm_creation)
        self._moments: Moments = moments or (lambda guests, halts: Quiet())
        self._hosts: Hosts = hosts or self._only_here
        self._mirrors = mirrors
        self._backends: dict[Pool, Backend] = {}
        self.keys = Keys(settings, host)
        self._offers = Offers(settings.cloud, self.keys, self._moments)
        self.backups = Backups(host)

    def apply(self, step: Step, progress: Progress) -> None:
        match step:
            case steps.CreateVolume():
                self._create(step, progress)
            case steps.LabelVolume(volume_id, pool, label):
                self.backend(pool).label(volume_id, label)
            case steps.ExtendVolume(volume_id, pool, size):
                self.backend(pool).extend(volume_id, size)
            case steps.OfferVolume():
                self._offer(step)
            case steps.RemoveVolume():
                self._remove(step, progress)
            case steps.CopyVolume():
                self._copy(step, progress)
            case steps.RemoveKey(key_id):
                self.keys.remove(key_id)
            case steps.MountPool(pool):
                NfsVolumes(pool, self._settings, self._host).mount()
            case steps.DropPool(pool):
                if pool.driver == NFS:
                    NfsVolumes(pool, self._settings, self._host).unmount()
            case _ if isinstance(step, steps.OF_BACKUPS):
                self._back_up(step, progress)
            case _:
                self._snapshot(step, progress)

    def look(self, pools: Iterable[Pool], look: Look) -> Storage:
        """What the default pool and these hold, each of which is asked once.

        One that goes away keeps no other from being asked.
        """
        found = Storage()
        for pool in self._all(pools):
            try:
                contents = self._contents(pool, look)
            except QuarterdeckError as error:
                if pool.can_be_away:
                    found.away[pool.name] = PoolFact(pool.name, error=error.message)
                elif error.code != "pool.missing":
                    raise
                continue
            for fact in contents.volumes:
                first = found.volumes.get(fact.id)
                found.volumes[fact.id] = (
                    replace(first, elsewhere=(*first.elsewhere, fact)) if first else fact
                )
            found.snapshots.update({fact.id: fact for fact in contents.snapshots})
        return found

    def facts(self, ids: Collection[str] | None = None) -> Mapping[str, VolumeFact]:
        """The default pool's volumes by id: all, or those of `ids` that are there."""
        return self.look((), Look(ids)).volumes

    def whole_backups(self, labels: Iterable[str]) -> frozenset[str]:
        """Ids of the backups that these labels tell of and that are whole."""
        told = (backup_in(each) for each in labels)
        return frozenset(
            folder.name for folder in told if folder is not None and self.backups.is_whole(folder)
        )

    def pool_facts(self, pools: Iterable[Pool]) -> Mapping[str, PoolFact]:
        """Capacity of these pools by name, or why one cannot be reached."""
        return {pool.name: self._capacity(pool) for pool in pools}

    def mounts(self) -> Mapping[str, str]:
        """The exports that are mounted for pools, by the pools' names. No server is asked."""
        return mounted(self._host, self._settings.mounts)

    def _capacity(self, pool: Pool) -> PoolFact:
        try:
            return self.backend(pool).capacity()
        except QuarterdeckError as error:
            return PoolFact(pool.name, error=error.message)

    def leftovers(self) -> frozenset[str]:
        """Ids of volumes that are not in the default pool, of which a step left something there.

        RemoveVolume removes that too, and CreateVolume makes it whole.
        """
        return self.backend(default_pool(self._settings)).leftovers()

    def path(self, volume_id: str, pool: Pool) -> Path:
        """Where the pool's host finds the volume: a file or a block device."""
        return self.backend(pool).path(volume_id)

    def backend(self, pool: Pool) -> Backend:
        """What a pool is made of. Raises Refused `volume.driver.unknown`, `pool.host.unknown`."""
        if pool not in self._backends:
            self._backends[pool] = self._make(pool)
        return self._backends[pool]

    def _make(self, pool: Pool) -> Backend:
        host = self._hosts(pool) if pool.host else self._host
        if pool.driver == FILE:
            return FileVolumes(folder_of(pool, self._settings), host, pool.name)
        if pool.driver == NFS:
            return NfsVolumes(pool, self._settings, host)
        if pool.driver in (LVM, LVM_THIN):
            local = (self._lvm_arguments, self._lvm_creation) if not pool.host else ((), ())
            return LogicalVolumes(self._settings.cloud, pool, host, *local)
        raise Refused("volume.driver.unknown", f"there is no volume driver {pool.driver!r}")

    def _only_here(self, pool: Pool) -> Host:
        raise Refused("pool.host.unknown", f"pool {pool.name} is on {pool.host}, out of reach")

    def _all(self, pools: Iterable[Pool]) -> list[Pool]:
        named = {each.name: each for each in (default_pool(self._settings), *pools)}
        return list(named.values())

    def _contents(self, pool: Pool, look: Look) -> Contents:
        contents = self.backend(pool).look(look)
        if not pool.host or not contents.volumes:
            return contents
        return self._offers.seen(pool, self.backend(pool).host, contents, look)

    def _offer(self, step: steps.OfferVolume) -> None:
        backend = self.backend(step.pool)
        found = self._offers.make(step.id, step.pool, backend)
        device = str(backend.path(step.id))
        if found is not None and found.device == device and not found.holds(step.size):
            self._offers.renew(step.id, step.pool, backend, step.guests)

    def _remove(self, step: steps.RemoveVolume, progress: Progress) -> None:
        backend = self.backend(step.pool)
        if step.pool.host:
            self._offers.withdraw(step.id, step.pool, backend.host, keeps_key=step.keeps_key)
            self._host.remove(self._draft(step.id))
        backend.remove(step.id, progress)

    def _create(self, step: steps.CreateVolume, progress: Progress) -> None:
        backend, source = self.backend(step.pool), step.source
        if source.kind in ("volume", "snapshot") and source.pool == step.pool:
            halts = source.guests and step.pool.thin_pool
            with self._moments(source.guests, True).still() if halts else nullcontext():
                if backend.branch(step.id, step.size, step.label, source):
                    return
        fill = self._fill(step, backend)
        backend.create(step.id, step.size, step.label, fill, progress)

    def _fill(self, step: steps.CreateVolume, backend: Backend) -> Fill | None:
        source, hollow = step.source, step.pool.driver in THIN
        key = self.keys.make(step.key_id) if step.key_id else None
        if source.kind == "backup":
            return lambda path, progress: self._write_backup(
                Path(source.place), backend.host, path, progress, hollow=hollow
            )
        if source.kind in ("volume", "snapshot"):
            return lambda path, progress: self._read_from(
                source, backend.host, path, progress, hollow=hollow
            )
        image = self._settings.image(source.id) if source.kind == "image" else None
        if image is None and key is None:
            return None

        def fill(path: Path, progress: Progress) -> None:
            if key is not None:
                seal(self._host, path, step.size - LUKS_HEADER, key)
            if image is not None:
                pour_image(self._host, image, source.format, path, progress, hollow=hollow, key=key)

        return self._by_way_of_here(step, backend, fill) if step.pool.host else fill

    def _by_way_of_here(self, step: steps.CreateVolume, backend: Backend, fill: Fill) -> Fill:
        """Images and keys are here: a storage host gets what was made of them."""
        draft = self._draft(step.id)

        def filled(path: Path, progress: Progress) -> None:
            self._host.make_dir(draft.parent)
            self._host.remove(draft)
            try:
                self._host.run(["truncate", f"--size={step.size}", str(draft)])
                self._host.run(["chmod", "0600", str(draft)])
                fill(draft, lambda share: progress(share / 2))
                hollow = step.pool.driver in THIN
                half = partial(_second_half, progress)
                carry(self._host, draft, backend.host, path, half, hollow=hollow)
            finally:
                self._host.remove(draft)

        return filled

    def _draft(self, volume_id: str) -> Path:
        """Where the content of a storage host's volume is made."""
        return self._settings.volumes / f".{check_id(volume_id)}.filling"

    def _read_from(
        self, source: steps.Source, host: Host, path: Path, progress: Progress, *, hollow: bool
    ) -> None:
        origin = self.backend(source.pool)
        with ExitStack() as held:
            if source.kind == "snapshot":
                found = held.enter_context(origin.snapshot_path(source.id))
            else:
                found = origin.path(source.id)
                if source.guests and self._copied_live(source, origin, found, host, path, progress):
                    return
                held.enter_context(self._moments(source.guests, True).still())
            carry(origin.host, found, host, path, progress, hollow=hollow)

    def _copied_live(
        self, source: steps.Source, origin: Backend, found: Path, host: Host, path: Path,
        progress: Progress,
    ) -> bool:  # fmt: skip
        """Whether QEMU copied a volume of files while its guest went on."""
        if source.halts or source.pool.is_block or not is_one_machine(origin.host, host):
            return False
        # QEMU copies between equals alone.
        host.run(["truncate", f"--reference={found}", str(path)])
        copied = self._moments(source.guests, False).copy({source.id: path}, progress)
        host.run(["chown", "root:root", str(path)])
        return bool(copied)

    def _copy(self, step: steps.CopyVolume, progress: Progress) -> None:
        origin, target = self.backend(step.pool), self.backend(step.target)
        if step.disk is not None and self._mirrors is not None:
            mirror, landing = self._mirrors(step.guest), moving.Landing(step, target, self._offers)
            if moving.is_there(mirror, step.disk) or mirror.runs():
                moving.move(mirror, step.disk, landing, progress)
                return
            # What a killed move left is no copy: its guest went off meanwhile.
            landing.clear(progress)
        hollow = step.target.driver in THIN

        def fill(path: Path, progress: Progress) -> None:
            carry(origin.host, origin.path(step.id), target.host, path, progress, hollow=hollow)

        try:
            target.create(step.id, step.size, step.label, fill, progress)
        except QuarterdeckError as error:
            with _half("it is not moved yet, and `drift repair` goes on with it", error):
                target.remove(step.id, lambda share: None)
            raise

    def _snapshot(self, step: Step, progress: Progress) -> None:
        match step:
            case steps.CreateSnapshots(pool, shots, guests, halts):
                self.backend(pool).snapshot(shots, self._moments(guests, halts), progress)
            case steps.LabelSnapshot(snapshot_id, pool, label):
                self.backend(pool).label_snapshot(snapshot_id, label)
            case steps.RemoveSnapshot(snapshot_id, pool):
                self.backend(pool).remove_snapshot(snapshot_id, progress)
            case steps.RevertVolume(volume_id, snapshot_id, pool, size):
                # Files are put into place at once.
                halves = _half("a part of the snapshot was written: `drift repair` goes on with it")
                with halves if pool.is_block else nullcontext():
                    self.backend(pool).revert(volume_id, snapshot_id, size, progress)
            case _:
                raise TypeError(f"not a step of volumes: {step!r}")

    def _back_up(self, step: Step, progress: Progress) -> None:
        match step:
            case steps.CreateBackup():
                self._make_backup(step, progress)
            case steps.RestoreBackup(volume_id, pool, _, _, folder):
                # All of it first: a damaged backup must not cost what the volume still has.
                self.backups.verify(Path(folder), lambda share: progress(share / 2))
                self._restore(volume_id, pool, Path(folder), partial(_second_half, progress))
            case steps.VerifyBackup(_, folder):
                self.backups.verify(Path(folder), progress)
            case steps.RemoveBackup(_, folder):
                self.backups.remove(Path(folder))

    def _restore(self, volume_id: str, pool: Pool, folder: Path, progress: Progress) -> None:
        backend = self.backend(pool)
        path = backend.path(volume_id)
        with _half("a part of the backup was written: `drift repair` goes on with it"):
            hollow = backend.empty(volume_id)
            self._write_backup(folder, backend.host, path, progress, hollow=hollow)

    def _make_backup(self, step: steps.CreateBackup, progress: Progress) -> None:
        parent = Path(step.parent) if step.parent else None
        backend, source = self.backend(step.source.pool), step.source
        with ExitStack() as held:
            path = (
                held.enter_context(backend.snapshot_path(source.id))
                if source.kind == "snapshot"
                else backend.path(source.id)
            )
            whence = (backend.host, path)
            self.backups.make(Path(step.folder), whence, step.size, parent, progress)

    def _write_backup(
        self, folder: Path, host: Host, path: Path, progress: Progress, *, hollow: bool
    ) -> None:
        write(host, path, self.backups.pieces(folder, progress), hollow=hollow)


@contextmanager
def _half(text: str, cause: QuarterdeckError | None = None) -> Iterator[None]:
    """What is within ends, or leaves the half of something, as the text says."""
    try:
        yield
    except QuarterdeckError as error:
        raise HalfDone(error.code, f"{(cause or error).message}; {text}") from error


def _second_half(progress: Progress, share: float) -> None:
    progress(0.5 + share / 2)
