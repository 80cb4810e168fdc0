"""Backups of volumes: made (full or the changes alone), restored, verified, deleted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.drivers.volumes.steps import VerifyBackup
from backends.errors import QuarterdeckError, Refused
from backends.records.identity import Role
from backends.records.tables import Volume, VolumeBackup, VolumeSnapshot
from backends.records.unit import Kind, Unit
from backends.services import quota, storage
from backends.services.base import (
    Service,
    check_absent,
    find,
    good_name,
    good_text,
    is_id,
    own,
    redescribe,
)
from backends.services.volume_source import check_made

HOURS = 6 * 3600.0
CONTAINER = "volumebackups"
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class NewBackup:
    """A backup to be made. `container` is a name, or (for the cloud's admin) a folder."""

    volume: str
    name: str = ""
    description: str = ""
    container: str | None = None
    snapshot: str | None = None
    incremental: bool = False
    force: bool = False


class BackupRow(NamedTuple):
    """One line of a listing; `volume` is the volume's name, where it is still there."""

    backup: VolumeBackup
    volume: str
    dependents: int

    @property
    def status(self) -> str:
        """Cinder's word for it."""
        if self.backup.absent:
            return "deleting"
        return "available" if self.backup.made else "creating"


class VolumeBackups(Service):
    """Backups of the caller's project."""

    def create(self, new: NewBackup) -> VolumeBackup:
        """Copy a volume into a container. One that a guest has wants `force`, or a snapshot.

        Raises Refused `volume.in_use`, `volume.busy`, `backup.container`, `backup.no_parent`,
        `quota.exceeded`; MachineFailed `disk.full` with nothing left.
        """
        self.caller.require(Role.MEMBER, "make a backup")

        def act(change: Change) -> VolumeBackup:
            session = change.session
            row = find(session, Volume, new.volume, "volume", self.caller)
            storage.check_idle(session, row)
            quota.check(session, row.project_id, {"backups": 1, "backup-gigabytes": row.size})
            parent = _parent(session, row) if new.incremental else None
            container = _container(self, new, parent)
            backup = VolumeBackup(
                project_id=row.project_id,
                volume_id=row.id,
                parent_id=parent.id if parent else None,
                name=good_name(new.name) if new.name else "",
                description=good_text(new.description, "description"),
                container=container.name if container.parent == self._root else str(container),
                size=row.size,
                key_id=row.key_id,
                bootable=row.bootable,
            )
            backup.folder = str(container / backup.id)
            session.add(backup)
            session.flush()
            backup.snapshot_id = self._snapshot(change, row, backup, new)
            change.make(Unit(Kind.BACKUP, backup.id), backup.name or backup.id)
            return backup

        made = self.context.perform("volume.backup.create", act, deadline=HOURS)
        self._tidy(made.id)
        return made

    def make(self, volume: str, name: str = "") -> VolumeBackup:
        """A backup of a volume as its guest goes on: only what changed, where there is one."""
        self.caller.require(Role.MEMBER, "make a backup")
        with self.context.reading() as session:
            row = find(session, Volume, volume, "volume", self.caller)
            has = _newest(session, row) is not None
        return self.create(NewBackup(row.id, name, incremental=has, force=True))

    def list(self, *, volume: str | None = None, all_projects: bool = False) -> Sequence[BackupRow]:
        """The caller's backups, or those of a volume, the oldest first."""
        with self.context.reading() as session:
            rows = own(session, VolumeBackup, self.caller, all_projects)
            if volume is not None:
                # One that is gone is still known by its id.
                gone = is_id(volume) and session.get(Volume, volume) is None
                id_ = volume if gone else find(session, Volume, volume, "volume", self.caller).id
                rows = [row for row in rows if row.volume_id == id_]
            rows.sort(key=lambda row: row.created_at)
            names = {row.id: row.name for row in session.exec(select(Volume))}
            parents = list(session.exec(select(VolumeBackup.parent_id)))
            return [
                BackupRow(row, names.get(row.volume_id, ""), parents.count(row.id)) for row in rows
            ]

    def show(self, ref: str) -> BackupRow:
        """One by id or name. Raises NotFound `backup.not_found`."""
        with self.context.reading() as session:
            row = find(session, VolumeBackup, ref, "backup", self.caller)
            volume = session.get(Volume, row.volume_id)
            return BackupRow(row, volume.name if volume else "", len(_children(session, row)))

    def set(
        self, ref: str, *, name: str | None = None, description: str | None = None
    ) -> VolumeBackup:
        """Change what a backup is called."""
        self.caller.require(Role.MEMBER, "change a backup")

        def act(change: Change) -> VolumeBackup:
            row = find(change.session, VolumeBackup, ref, "backup", self.caller)
            check_absent(row, "backup")
            redescribe(row, name, description)
            unit = Unit(Kind.BACKUP, row.id)
            change.about(unit, row.name or row.id)
            change.touch(unit)
            return row

        return self.context.perform("volume.backup.set", act)

    def restore(self, ref: str, volume: str) -> Volume:
        """Write a backup over a volume that nobody has; it is verified first.

        Raises Refused `volume.in_use`, `volume.size`, `volume.encryption`; MachineFailed
        `backup.damaged`, with the volume as it was; HalfDone where a part of it was written.
        """
        self.caller.require(Role.MEMBER, "restore a backup")

        def act(change: Change) -> Volume:
            session = change.session
            backup = find(session, VolumeBackup, ref, "backup", self.caller)
            check_made(backup, "backup")
            row = find(session, Volume, volume, "volume", self.caller)
            storage.check_replaced(session, row)
            storage.check_free(session, row, "restore it")
            name = row.name or row.id
            if row.size < backup.size:
                text = f"the backup has {backup.size} GiB, volume {name} {row.size}; extend it"
                raise Refused("volume.size", text)
            if row.key_id != backup.key_id:
                text = f"the backup does not have volume {name}'s key; make a volume of it instead"
                raise Refused("volume.encryption", text)
            change.revert = storage.unwished(row)
            row.restore_from, row.revert_to = backup.id, ""
            unit = Unit(Kind.VOLUME, row.id)
            change.about(unit, name)
            change.touch(unit)
            return row

        return self.context.perform("volume.backup.restore", act, deadline=HOURS)

    def verify(self, ref: str) -> None:
        """Read a backup, and those it stands on, and hold each piece to its checksum.

        Raises MachineFailed `backup.damaged`, `backup.missing`.
        """
        self.caller.require(Role.MEMBER, "verify a backup")
        with self.context.reading() as session:
            row = find(session, VolumeBackup, ref, "backup", self.caller)
            check_made(row, "backup")
        unit = Unit(Kind.BACKUP, row.id)
        step = VerifyBackup(row.id, row.folder)
        self.context.once("volume.backup.verify", unit, row.name or row.id, step)

    def delete(self, *refs: str) -> None:
        """Remove backups. Raises Refused `backup.in_use` with what stands on one."""
        self.caller.require(Role.MEMBER, "delete a backup")

        def act(change: Change) -> None:
            session = change.session
            rows = [find(session, VolumeBackup, ref, "backup", self.caller) for ref in refs]
            going = {row.id for row in rows}
            for row in rows:
                name = row.name or row.id
                children = [each for each in _children(session, row) if each.id not in going]
                if children:
                    names = ", ".join(each.name or each.id for each in children)
                    raise Refused("backup.in_use", f"backup {name} is what {names} stands on")
                reading = select(Volume).where(
                    (col(Volume.restore_from) == row.id)
                    | ((col(Volume.source_id) == row.id) & col(Volume.made).is_(False))
                )
                if session.exec(reading).first() is not None:
                    raise Refused("backup.in_use", f"backup {name} is being restored")
                unit = Unit(Kind.BACKUP, row.id)
                change.about(unit, name)
                change.touch(*doom(session, unit))

        self.context.perform("volume.backup.delete", act)

    @property
    def _root(self) -> Path:
        return self.context.settings.backups

    def _snapshot(self, change: Change, row: Volume, backup: VolumeBackup, new: NewBackup) -> str:
        """The snapshot that is read: the one named, or one of its own for a used volume."""
        session = change.session
        if new.snapshot is not None:
            found = find(session, VolumeSnapshot, new.snapshot, "snapshot", self.caller)
            check_made(found, "snapshot")
            if found.volume_id != row.id:
                text = f"snapshot {found.name or found.id} is of another volume"
                raise Refused("backup.snapshot", text)
            return found.id
        guests = storage.holders(session, row.id)
        if not guests:
            return ""
        if not new.force:
            text = f"volume {row.name or row.id} is attached to {guests[0].name}; say --force"
            raise Refused("volume.in_use", text)
        snapshot = VolumeSnapshot(
            project_id=row.project_id,
            volume_id=row.id,
            name=f"backup-{backup.id[:8]}",
            size=row.size,
            key_id=row.key_id,
            backup_id=backup.id,
        )
        session.add(snapshot)
        change.make(Unit(Kind.SNAPSHOT, snapshot.id), snapshot.name)
        change.touch(*(Unit(Kind.INSTANCE, each.id) for each in guests))
        return snapshot.id

    def _tidy(self, backup_id: str) -> None:
        """A snapshot that was made for the backup alone goes; a later start does it otherwise."""
        with self.context.reading() as session:
            query = select(VolumeSnapshot.id).where(VolumeSnapshot.backup_id == backup_id)
            units = [Unit(Kind.SNAPSHOT, id_) for id_ in session.exec(query)]
        if units:
            try:
                self.context.converge("volume.backup.create", units)
            except QuarterdeckError:
                return


def _newest(session: Session, row: Volume) -> VolumeBackup | None:
    """The newest backup of the volume."""
    query = (
        select(VolumeBackup)
        .where(
            VolumeBackup.volume_id == row.id,
            col(VolumeBackup.made),
            col(VolumeBackup.absent).is_(False),
        )
        .order_by(col(VolumeBackup.created_at).desc())
    )
    return session.exec(query).first()


def _parent(session: Session, row: Volume) -> VolumeBackup:
    """The newest backup of the volume. Raises Refused `backup.no_parent`."""
    found = _newest(session, row)
    if found is None:
        text = f"volume {row.name or row.id} has no backup yet; make a full one first"
        raise Refused("backup.no_parent", text)
    return found


def _container(service: VolumeBackups, new: NewBackup, parent: VolumeBackup | None) -> Path:
    """The folder of the container: the parent's for an incremental one."""
    wanted = new.container
    if parent is not None:
        folder = Path(parent.folder).parent
        if wanted not in (None, parent.container):
            text = f"an incremental backup lies beside its parent, in {parent.container}"
            raise Refused("backup.container", text)
        return folder
    if wanted is None:
        return service.context.settings.backups / CONTAINER
    if wanted.startswith("/"):
        service.caller.require_cloud_admin("choose a folder for backups")
        path = PurePosixPath(wanted)
        if ".." in path.parts or len(path.parts) < 2:
            raise Refused("backup.container", f"{wanted[:80]!r} is no folder for backups")
        return Path(path)
    if not _CONTAINER.fullmatch(wanted):
        raise Refused("backup.container", f"{wanted[:80]!r} cannot be a container's name")
    return service.context.settings.backups / wanted


def _children(session: Session, row: VolumeBackup) -> list[VolumeBackup]:
    query = select(VolumeBackup).where(
        VolumeBackup.parent_id == row.id, col(VolumeBackup.absent).is_(False)
    )
    return list(session.exec(query))
