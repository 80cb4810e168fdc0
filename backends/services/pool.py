"""Pools: where volumes lie, on this machine or on storage hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from sqlmodel import Session, select

from backends.context import Change
from backends.doom import doom
from backends.drivers.volumes.facts import PoolFact
from backends.drivers.volumes.far import address_of
from backends.drivers.volumes.pool import DRIVERS, FILE, LVM, NFS, THIN, Pool
from backends.errors import Refused
from backends.hosts.link import key_text, load_key, scan
from backends.records.pool import StoragePool
from backends.records.tables import Volume, VolumeType
from backends.records.unit import Kind, Unit
from backends.services import storage
from backends.services.base import Service
from backends.services.volume_type import BACKEND
from backends.settings import DEFAULT_POOL

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
# lvm(8), "Valid names".
_GROUP = re.compile(r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]*(/[A-Za-z0-9+_.][A-Za-z0-9+_.-]*)?")
_EXPORT = re.compile(r"[A-Za-z0-9.:\[\]-]+:/[^\s,]*")
_RATIO_MOST = 1000.0
# A pool that is as full as this is told of long before it is too late.
WARNS = 0.8


class PoolRow(NamedTuple):
    """A pool, what the machine says of it, and the GiB it has promised."""

    pool: StoragePool
    fact: PoolFact
    promised: int
    volumes: int

    @property
    def used(self) -> float:
        """The share of it that is written, 0 to 1."""
        return 1 - self.fact.free / self.fact.size if self.fact.size else 0.0

    @property
    def status(self) -> str:
        """One word for it."""
        if self.fact.error:
            return "down"
        if not self.pool.enabled:
            return "disabled"
        return "filling" if max(self.used, self.fact.metadata) >= WARNS else "up"


@dataclass(frozen=True, slots=True)
class NewPool:
    """A pool to be made; see `StoragePool` for the words."""

    name: str
    driver: str = FILE
    place: str = ""
    host: str = ""
    address: str = ""
    login: str = ""
    key_path: str = ""
    host_key: str = ""
    portal: str = ""
    ratio: float | None = None


class Pools(Service):
    """Pools of the cloud. Its admin makes them; everybody may see the names."""

    def list(self) -> Sequence[PoolRow]:
        """All pools with their capacity, the default one first."""
        with self.context.reading() as session:
            default = storage.find_pool(session, self.context.settings, DEFAULT_POOL)
            others = session.exec(select(StoragePool).where(StoragePool.name != DEFAULT_POOL))
            rows = [default, *sorted(others, key=lambda row: row.name)]
            promised = {row.name: storage.promised(session, row.name) for row in rows}
            names = list(session.exec(select(Volume.pool)))
        facts = self.context.machine.volumes.pool_facts([storage.value_of(row) for row in rows])
        return [
            PoolRow(row, facts[row.name], promised[row.name], names.count(row.name)) for row in rows
        ]

    def show(self, ref: str) -> PoolRow:
        """One by name. Raises NotFound `pool.not_found`."""
        with self.context.reading() as session:
            storage.find_pool(session, self.context.settings, ref)
        return next(row for row in self.list() if row.pool.name == ref)

    def create(self, new: NewPool) -> StoragePool:
        """A new pool; it is looked at first, an export when it was mounted.

        Raises Refused `name.invalid`, `pool.exists`, `pool.driver`, `pool.place`, `pool.ratio`,
        `pool.unreachable`; MachineFailed what mounting an export does.
        """
        self.caller.require_cloud_admin("make a pool")
        _check(new)
        ratio = new.ratio if new.ratio is not None else 1.0
        if new.ratio is None and new.driver in THIN:
            ratio = storage.THIN_RATIO
        if new.host and not new.address:
            new = replace(new, address=new.host)
        if new.driver == NFS:
            new = replace(new, place=_export(new.place))
        values = {**asdict(new), "ratio": _ratio(ratio)}
        if new.driver == FILE:
            self._check_passable(PurePosixPath(new.place))
        if new.host:
            _check_known(new)
        if new.driver != NFS:
            # An export is mounted first, which is a step of making it.
            self._check_reached(storage.value_of(StoragePool(**values)))

        def act(change: Change) -> StoragePool:
            if change.session.exec(select(StoragePool).where(StoragePool.name == new.name)).first():
                raise Refused("pool.exists", f"there is a pool {new.name} already")
            row = StoragePool(**values)
            change.session.add(row)
            change.make(Unit(Kind.POOL, row.id), row.name)
            return row

        return self.context.perform("pool.create", act)

    def set(
        self, ref: str, *, ratio: float | None = None, enabled: bool | None = None
    ) -> StoragePool:
        """Change how much a pool may promise, and whether it takes new volumes."""
        self.caller.require_cloud_admin("change a pool")

        def act(change: Change) -> StoragePool:
            row = storage.find_pool(change.session, self.context.settings, ref)
            if not row.id:
                raise Refused("pool.default", "the default pool stays as it is; make another")
            row.ratio = row.ratio if ratio is None else _ratio(ratio)
            row.enabled = row.enabled if enabled is None else enabled
            unit = Unit(Kind.POOL, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("pool.set", act)

    def delete(self, *refs: str) -> None:
        """Let go of pools that have no volumes. Raises Refused `pool.in_use`."""
        self.caller.require_cloud_admin("delete a pool")

        def act(change: Change) -> None:
            for ref in refs:
                row = storage.find_pool(change.session, self.context.settings, ref)
                if not row.id:
                    raise Refused("pool.default", "the default pool stays")
                _check_unused(change.session, row)
                unit = Unit(Kind.POOL, row.id)
                change.about(unit, row.name)
                change.touch(*doom(change.session, unit))

        self.context.perform("pool.delete", act)

    def _check_reached(self, pool: Pool) -> None:
        if error := self.context.machine.volumes.pool_facts([pool])[pool.name].error:
            raise Refused("pool.unreachable", f"pool {pool.name}: {error}")

    def _check_passable(self, folder: PurePosixPath) -> None:
        """QEMU runs as a user of its own, which has to get to the files."""
        for each in (folder, *folder.parents):
            argv = ["stat", "--format=%a", str(each)]
            found = self.context.machine.host.run(argv, reads=True, check=False)
            if found.status == 0 and not int(found.stdout, 8) & 1:
                text = f"QEMU's user cannot pass through {each}; chmod o+x it, or take another"
                raise Refused("pool.place", text)


def _check(new: NewPool) -> None:
    if not _NAME.fullmatch(new.name) or new.name == DEFAULT_POOL:
        raise Refused("name.invalid", f"{new.name[:64]!r} cannot be a pool's name")
    if new.driver not in DRIVERS:
        raise Refused("pool.driver", f"a pool's driver is one of {', '.join(DRIVERS)}")
    path = PurePosixPath(new.place)
    good = {
        FILE: path.is_absolute() and ".." not in path.parts and len(path.parts) > 1,
        NFS: bool(_EXPORT.fullmatch(new.place)),
        LVM: bool(_GROUP.fullmatch(new.place)) and "/" not in new.place,
    }.get(new.driver, bool(_GROUP.fullmatch(new.place)) and "/" in new.place)
    if not good:
        text = "a folder, host:/export, a volume group, or group/thin-pool"
        raise Refused("pool.place", f"{new.place[:80]!r} is no place for {new.driver}: {text}")
    if new.host and new.driver in (FILE, NFS):
        raise Refused("pool.place", "files of another host are reached as an export (nfs)")


def _export(place: str) -> str:
    """As the kernel lists it once it is mounted."""
    server, _, path = place.partition(":/")
    return f"{server}:{PurePosixPath('/', path)}"


def _check_known(new: NewPool) -> None:
    """Nobody is trusted at first sight: who makes the pool compares the key that is shown."""
    address = address_of(Pool(host=new.host, address=new.address, key_path=new.key_path))
    load_key(address.key_file)
    if not new.host_key:
        shown = scan(address.host, address.port)
        raise Refused(
            "pool.host_key",
            f"{new.address} shows the host key {shown.fingerprint}; if that is its own, give it: "
            f"--host-key {key_text(shown)!r}",
        )


def _ratio(ratio: float) -> float:
    if not 0.01 <= ratio <= _RATIO_MOST:
        raise Refused("pool.ratio", f"a ratio is 0.01 to {_RATIO_MOST:g}, not {ratio:g}")
    return ratio


def _check_unused(session: Session, row: StoragePool) -> None:
    there = (Volume.pool == row.name) | (Volume.target_pool == row.name)
    volume = session.exec(select(Volume).where(there)).first()
    if volume is not None:
        raise Refused("pool.in_use", f"pool {row.name} has volume {volume.name or volume.id}")
    for kind in session.exec(select(VolumeType)):
        if kind.specs.get(BACKEND) == row.name:
            raise Refused("pool.in_use", f"volume type {kind.name} is of pool {row.name}")
