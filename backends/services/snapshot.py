"""Snapshots of volumes: made, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlmodel import col, select

from backends.context import Change
from backends.doom import doom
from backends.errors import Refused
from backends.records.identity import Role
from backends.records.tables import Volume, VolumeSnapshot
from backends.records.unit import Kind, Unit
from backends.services import quota, storage
from backends.services.base import (
    Service,
    changed_properties,
    check_absent,
    find,
    good_name,
    good_properties,
    good_text,
    own,
    redescribe,
)

HOURS = 6 * 3600.0


class SnapshotRow(NamedTuple):
    """One line of a listing; `volume` is the volume's name."""

    snapshot: VolumeSnapshot
    volume: str

    @property
    def status(self) -> str:
        """Cinder's word for it."""
        if self.snapshot.absent:
            return "deleting"
        return "available" if self.snapshot.made else "creating"


class Snapshots(Service):
    """Snapshots of the caller's volumes. A clone does not hang on one."""

    def create(
        self,
        volume: str,
        name: str = "",
        *,
        description: str = "",
        force: bool = False,
        properties: Mapping[str, str] | None = None,
    ) -> VolumeSnapshot:
        """What a volume holds now. One that a running guest has wants `force`.

        Raises Refused `volume.in_use`, `volume.busy`, `quota.exceeded`, `pool.full`.
        """
        self.caller.require(Role.MEMBER, "make a snapshot")

        def act(change: Change) -> VolumeSnapshot:
            session = change.session
            row = find(session, Volume, volume, "volume", self.caller)
            storage.check_idle(session, row)
            guests = storage.holders(session, row.id)
            if guests and not force:
                text = f"volume {row.name or row.id} is attached to {guests[0].name}; say --force"
                raise Refused("volume.in_use", f"{text} to snapshot it as its guest goes on")
            check = {"snapshots": 1, "gigabytes": row.size}
            quota.check(session, row.project_id, check)
            pool = storage.find_pool(session, self.context.settings, row.pool)
            storage.check_room(self.context, session, pool, row.size)
            snapshot = VolumeSnapshot(
                project_id=row.project_id,
                volume_id=row.id,
                name=good_name(name) if name else "",
                description=good_text(description, "description"),
                size=row.size,
                properties=good_properties(properties),
                key_id=row.key_id,
            )
            session.add(snapshot)
            change.make(Unit(Kind.SNAPSHOT, snapshot.id), name or snapshot.id)
            # A guest that was held still when this was killed goes on with its next converge.
            change.touch(*(Unit(Kind.INSTANCE, each.id) for each in guests))
            return snapshot

        return self.context.perform("volume.snapshot.create", act, deadline=HOURS)

    def list(
        self, *, volume: str | None = None, all_projects: bool = False
    ) -> Sequence[SnapshotRow]:
        """The caller's snapshots, or those of a volume, by name."""
        with self.context.reading() as session:
            if volume is None:
                rows = own(session, VolumeSnapshot, self.caller, all_projects)
            else:
                found = find(session, Volume, volume, "volume", self.caller)
                query = select(VolumeSnapshot).where(VolumeSnapshot.volume_id == found.id)
                rows = list(session.exec(query.order_by(col(VolumeSnapshot.created_at))))
            names = {row.id: row.name or row.id for row in session.exec(select(Volume))}
            return [SnapshotRow(row, names.get(row.volume_id, row.volume_id)) for row in rows]

    def show(self, ref: str) -> SnapshotRow:
        """One by id or name. Raises NotFound `snapshot.not_found`."""
        with self.context.reading() as session:
            row = find(session, VolumeSnapshot, ref, "snapshot", self.caller)
            volume = session.get(Volume, row.volume_id)
            return SnapshotRow(row, (volume.name if volume else "") or row.volume_id)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        properties: Mapping[str, str] | None = None,
        unset: Sequence[str] = (),
    ) -> VolumeSnapshot:
        """Change what a snapshot is called."""
        self.caller.require(Role.MEMBER, "change a snapshot")

        def act(change: Change) -> VolumeSnapshot:
            row = find(change.session, VolumeSnapshot, ref, "snapshot", self.caller)
            check_absent(row, "snapshot")
            redescribe(row, name, description)
            row.properties = changed_properties(row.properties, properties, unset)
            unit = Unit(Kind.SNAPSHOT, row.id)
            change.about(unit, row.name or row.id)
            change.touch(unit)
            return row

        return self.context.perform("volume.snapshot.set", act)

    def delete(self, *refs: str) -> None:
        """Remove snapshots. Raises Refused `snapshot.in_use` while something is made of one."""
        self.caller.require(Role.MEMBER, "delete a snapshot")

        def act(change: Change) -> None:
            session = change.session
            for ref in refs:
                row = find(session, VolumeSnapshot, ref, "snapshot", self.caller)
                name = row.name or row.id
                reading = select(Volume).where(
                    ((col(Volume.source_id) == row.id) & col(Volume.made).is_(False))
                    | (col(Volume.revert_to) == row.id),
                    col(Volume.absent).is_(False),
                )
                if session.exec(reading).first() is not None or row.backup_id:
                    raise Refused("snapshot.in_use", f"snapshot {name} is being read; wait for it")
                unit = Unit(Kind.SNAPSHOT, row.id)
                change.about(unit, name)
                change.touch(*doom(session, unit))

        self.context.perform("volume.snapshot.delete", act)
