"""Groups of volumes, and snapshots of all of a group at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.errors import Refused
from backends.records.identity import Role
from backends.records.tables import GroupSnapshot, Volume, VolumeGroup, VolumeSnapshot
from backends.records.unit import Kind, Unit
from backends.services import quota, storage
from backends.services.base import Service, find, good_name, good_text, own, redescribe

HOURS = 6 * 3600.0


class GroupRow(NamedTuple):
    """A group and its volumes."""

    group: VolumeGroup
    volumes: tuple[Volume, ...]


class GroupSnapshotRow(NamedTuple):
    """A snapshot of a group, and its parts."""

    snapshot: GroupSnapshot
    parts: tuple[VolumeSnapshot, ...]

    @property
    def status(self) -> str:
        """Cinder's word for it."""
        return "available" if all(each.made for each in self.parts) else "creating"


class VolumeGroups(Service):
    """Groups of the caller's project. A group is a record alone; its volumes' labels name it."""

    def create(
        self, name: str = "", *, description: str = "", volumes: Sequence[str] = ()
    ) -> VolumeGroup:
        """A new group, of these volumes. Raises what `add` raises."""
        self.caller.require(Role.MEMBER, "make a volume group")

        def act(change: Change) -> VolumeGroup:
            row = VolumeGroup(
                project_id=self.caller.project_id,
                name=good_name(name) if name else "",
                description=good_text(description, "description"),
            )
            change.session.add(row)
            change.session.flush()
            self._join(change, row, volumes, add=True)
            return row

        return self.context.perform("volume.group.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[GroupRow]:
        """The caller's groups, by name."""
        with self.context.reading() as session:
            rows = own(session, VolumeGroup, self.caller, all_projects)
            return [GroupRow(row, _volumes(session, row)) for row in rows]

    def show(self, ref: str) -> GroupRow:
        """One by id or name. Raises NotFound `volume_group.not_found`."""
        with self.context.reading() as session:
            row = find(session, VolumeGroup, ref, "volume_group", self.caller)
            return GroupRow(row, _volumes(session, row))

    def set(
        self, ref: str, *, name: str | None = None, description: str | None = None
    ) -> VolumeGroup:
        """Change what a group is called."""
        self.caller.require(Role.MEMBER, "change a volume group")

        def act(change: Change) -> VolumeGroup:
            row = find(change.session, VolumeGroup, ref, "volume_group", self.caller)
            redescribe(row, name, description)
            return row

        return self.context.perform("volume.group.set", act)

    def add(self, ref: str, volumes: Sequence[str]) -> None:
        """Put volumes into a group. Raises Refused `volume_group.pool`, `volume_group.taken`."""
        self._change("volume.group.add", ref, volumes, add=True)

    def remove(self, ref: str, volumes: Sequence[str]) -> None:
        """Take volumes out of a group; they stay."""
        self._change("volume.group.remove", ref, volumes, add=False)

    def delete(self, *refs: str) -> None:
        """Remove groups; their volumes stay. Raises Refused `volume_group.snapshots`."""
        self.caller.require(Role.MEMBER, "delete a volume group")

        def act(change: Change) -> None:
            for ref in refs:
                row = find(change.session, VolumeGroup, ref, "volume_group", self.caller)
                held = select(GroupSnapshot).where(GroupSnapshot.group_id == row.id)
                first = change.session.exec(held).first()
                if first is not None:
                    text = f"group {row.name or row.id} has snapshot {first.name or first.id}"
                    raise Refused("volume_group.snapshots", f"{text}; delete it first")
                for volume in _volumes(change.session, row):
                    volume.group_id = None
                    change.touch(Unit(Kind.VOLUME, volume.id))
                change.session.flush()
                change.session.delete(row)

        self.context.perform("volume.group.delete", act)

    def snapshot(self, ref: str, name: str = "", *, description: str = "") -> GroupSnapshot:
        """Snapshots of all volumes of a group, as they are at one moment.

        Raises Refused `volume_group.empty`, `volume.busy`, `quota.exceeded`, `pool.full`.
        """
        self.caller.require(Role.MEMBER, "make a snapshot")
        name = good_name(name) if name else ""

        def act(change: Change) -> GroupSnapshot:
            session = change.session
            group = find(session, VolumeGroup, ref, "volume_group", self.caller)
            volumes = _volumes(session, group)
            if not volumes:
                raise Refused("volume_group.empty", f"group {group.name or group.id} has no volume")
            size = sum(each.size for each in volumes)
            wanted = {"snapshots": len(volumes), "gigabytes": size}
            quota.check(session, group.project_id, wanted)
            pool = storage.find_pool(session, self.context.settings, volumes[0].pool)
            storage.check_room(self.context, session, pool, size)
            row = GroupSnapshot(
                project_id=group.project_id,
                group_id=group.id,
                name=name,
                description=good_text(description, "description"),
            )
            session.add(row)
            session.flush()
            for volume in volumes:
                storage.check_idle(session, volume)
                part = _part(row, volume)
                session.add(part)
                change.make(Unit(Kind.SNAPSHOT, part.id), row.name or row.id)
                for guest in storage.holders(session, volume.id):
                    change.touch(Unit(Kind.INSTANCE, guest.id))
            return row

        return self.context.perform("volume.group.snapshot.create", act, deadline=HOURS)

    def snapshots(self, *, all_projects: bool = False) -> Sequence[GroupSnapshotRow]:
        """The caller's snapshots of groups, by name."""
        with self.context.reading() as session:
            rows = own(session, GroupSnapshot, self.caller, all_projects)
            return [GroupSnapshotRow(row, _parts(session, row)) for row in rows]

    def show_snapshot(self, ref: str) -> GroupSnapshotRow:
        """One by id or name. Raises NotFound `group_snapshot.not_found`."""
        with self.context.reading() as session:
            row = find(session, GroupSnapshot, ref, "group_snapshot", self.caller)
            return GroupSnapshotRow(row, _parts(session, row))

    def delete_snapshot(self, *refs: str) -> None:
        """Remove snapshots of groups, with all their parts."""
        self.caller.require(Role.MEMBER, "delete a snapshot")

        def act(change: Change) -> None:
            session = change.session
            for ref in refs:
                row = find(session, GroupSnapshot, ref, "group_snapshot", self.caller)
                for part in _parts(session, row):
                    part.group_snapshot_id = None
                    change.touch(*doom(session, Unit(Kind.SNAPSHOT, part.id)))
                session.flush()
                session.delete(row)

        self.context.perform("volume.group.snapshot.delete", act)

    def _change(self, verb: str, ref: str, volumes: Sequence[str], *, add: bool) -> None:
        self.caller.require(Role.MEMBER, "change a volume group")

        def act(change: Change) -> None:
            group = find(change.session, VolumeGroup, ref, "volume_group", self.caller)
            self._join(change, group, volumes, add=add)

        self.context.perform(verb, act)

    def _join(
        self, change: Change, group: VolumeGroup, volumes: Sequence[str], *, add: bool
    ) -> None:
        """Put volumes into the group, or take them out."""
        session = change.session
        for name in volumes:
            row = find(session, Volume, name, "volume", self.caller)
            _check_member(session, group, row, add=add)
            row.group_id = group.id if add else None
            session.flush()
            change.touch(Unit(Kind.VOLUME, row.id))


def _check_member(session: Session, group: VolumeGroup, row: Volume, *, add: bool) -> None:
    name = row.name or row.id
    if row.project_id != group.project_id:
        raise Refused("volume_group.project", f"volume {name} is of another project")
    if not add:
        if row.group_id != group.id:
            raise Refused("volume_group.not_in", f"volume {name} is not in this group")
        return
    storage.check_idle(session, row)
    if row.group_id not in (None, group.id):
        raise Refused("volume_group.taken", f"volume {name} is in another group")
    others = [each for each in _volumes(session, group) if each.id != row.id]
    if any(each.pool != row.pool for each in others):
        text = f"volume {name} lies in {row.pool}, the group in {others[0].pool}"
        raise Refused("volume_group.pool", f"{text}: one moment takes one pool")


def _part(row: GroupSnapshot, volume: Volume) -> VolumeSnapshot:
    return VolumeSnapshot(
        project_id=volume.project_id,
        volume_id=volume.id,
        name=row.name,
        size=volume.size,
        key_id=volume.key_id,
        group_snapshot_id=row.id,
    )


def _volumes(session: Session, group: VolumeGroup) -> tuple[Volume, ...]:
    query = select(Volume).where(Volume.group_id == group.id, col(Volume.absent).is_(False))
    return tuple(session.exec(query.order_by(col(Volume.name), col(Volume.id))))


def _parts(session: Session, row: GroupSnapshot) -> tuple[VolumeSnapshot, ...]:
    query = select(VolumeSnapshot).where(VolumeSnapshot.group_snapshot_id == row.id)
    return tuple(session.exec(query.order_by(col(VolumeSnapshot.created_at))))
