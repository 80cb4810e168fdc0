"""Volumes: made, filled, grown, moved, put back, deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.drivers.volumes.backend import Look
from backends.drivers.volumes.pool import Pool
from backends.errors import Refused
from backends.records.identity import Role
from backends.records.instance import Instance
from backends.records.tables import Attachment, VolumeSnapshot, VolumeType
from backends.records.unit import Kind, Unit
from backends.records.volume import Volume
from backends.services import moving, quota, storage
from backends.services.attachment import Attaching
from backends.services.base import (
    changed_properties,
    check_absent,
    find,
    good_name,
    good_properties,
    good_text,
    own,
    redescribe,
)
from backends.services.volume_source import Origin, origin_of
from backends.services.volume_type import is_multiattach, pool_of_type, require_type

# Copying a disk may take as long as this, in seconds.
HOURS = 6 * 3600.0


class VolumeRow(NamedTuple):
    """One line of a listing.

    `attached` are (instance name, device), `guests` the ids of those instances; `doing` what is at
    work.
    """

    volume: Volume
    attached: tuple[tuple[str, str], ...]
    doing: str = ""
    type: str = ""
    snapshots: int = 0
    guests: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """Cinder's word for it."""
        return self.doing or ("in-use" if self.attached else "available")


@dataclass(frozen=True, slots=True)
class NewVolume:
    """What a volume is made of: of one source at most. `size` in GiB, or the source's."""

    name: str = ""
    size: int | None = None
    description: str = ""
    type: str | None = None
    image: str | None = None
    snapshot: str | None = None
    source: str | None = None
    backup: str | None = None
    pool: str | None = None
    properties: Mapping[str, str] | None = None
    bootable: bool | None = None
    read_only: bool = False


class Volumes(Attaching):
    """Volumes of the caller's project."""

    def create(self, name: str, size: int, description: str = "") -> Volume:
        """A new, empty volume of `size` GiB. Raises Refused `volume.size`, `quota.exceeded`."""
        return self.make(NewVolume(name, size, description))

    def make(self, new: NewVolume) -> Volume:
        """A new volume, empty or with the content of its source.

        Raises Refused `volume.size`, `volume.source`, `volume.busy`, `volume.encryption`,
        `quota.exceeded`, `pool.full`; NotFound for what is not there.
        """
        self.caller.require(Role.MEMBER, "create a volume")
        if sum(each is not None for each in (new.image, new.snapshot, new.source, new.backup)) > 1:
            raise Refused("volume.source", "a volume has one source: an image, a snapshot, ...")
        if new.pool is not None:
            self.caller.require_cloud_admin("choose a pool")
        name = good_name(new.name) if new.name else ""

        def act(change: Change) -> Volume:
            session = change.session
            origin = origin_of(self.context, session, new)
            size = _size(new, origin)
            kind = require_type(session, new.type) if new.type else None
            kind = kind or (session.get(VolumeType, origin.type_id) if origin.type_id else None)
            quota.check(session, self.caller.project_id, {"volumes": 1, "gigabytes": size})
            pool = storage.find_pool(session, self.context.settings, _pool(new, kind, origin))
            storage.check_room(self.context, session, pool, size)
            bootable = origin.bootable if new.bootable is None else new.bootable
            row = Volume(
                project_id=self.caller.project_id,
                name=name,
                description=good_text(new.description, "description"),
                size=size,
                driver=pool.driver,
                host=self.context.settings.host,
                pool=pool.name,
                type_id=kind.id if kind else None,
                source_kind=origin.kind,
                source_id=origin.id,
                image_properties=origin.image_properties,
                properties=good_properties(new.properties),
                bootable=bootable,
                read_only=new.read_only,
                multiattach=is_multiattach(kind),
                key_id=origin.key_for(encrypts=bool(kind and kind.encryption)),
            )
            session.add(row)
            change.make(Unit(Kind.VOLUME, row.id), name or row.id)
            return row

        return self.context.perform("volume.create", act, deadline=HOURS)

    def list(self, *, all_projects: bool = False) -> Sequence[VolumeRow]:
        """The caller's volumes and where they are attached, by name."""
        with self.context.reading() as session:
            rows = own(session, Volume, self.caller, all_projects)
            return _rows(session, rows)

    def show(self, ref: str) -> VolumeRow:
        """One volume by id or name. Raises NotFound `volume.not_found`."""
        with self.context.reading() as session:
            row = find(session, Volume, ref, "volume", self.caller)
            return _rows(session, [row])[0]

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        properties: Mapping[str, str] | None = None,
        unset: Sequence[str] = (),
        bootable: bool | None = None,
        read_only: bool | None = None,
    ) -> Volume:
        """Change what a volume is called and how it may be used.

        Raises Refused `volume.in_use` where `read_only` is to change of an attached one.
        """
        self.caller.require(Role.MEMBER, "change a volume")

        def act(change: Change) -> Volume:
            row = find(change.session, Volume, ref, "volume", self.caller)
            check_absent(row, "volume")
            redescribe(row, name, description)
            row.properties = changed_properties(row.properties, properties, unset)
            row.bootable = row.bootable if bootable is None else bootable
            if read_only is not None and read_only != row.read_only:
                storage.check_free(change.session, row, "let it be written to, or not")
                row.read_only = read_only
            unit = Unit(Kind.VOLUME, row.id)
            change.about(unit, row.name or row.id)
            change.touch(unit)
            return row

        return self.context.perform("volume.set", act)

    def extend(self, ref: str, size: int) -> Volume:
        """Let a volume have `size` GiB; a guest that has it sees so at once.

        Raises Refused `volume.size`, `volume.busy`, `volume.snapshots`, `quota.exceeded`,
        `pool.full`.
        """
        self.caller.require(Role.MEMBER, "extend a volume")

        def act(change: Change) -> Volume:
            session = change.session
            row = find(session, Volume, ref, "volume", self.caller)
            storage.check_idle(session, row)
            if not row.size < size <= storage.GIB_MOST:
                text = f"volume {row.name or row.id} has {row.size} GiB; it only grows"
                raise Refused("volume.size", f"{text}, to {storage.GIB_MOST} at most")
            more = size - row.size
            quota.check(session, row.project_id, {"gigabytes": more})
            pool = storage.find_pool(session, self.context.settings, row.pool)
            storage.check_grows(session, row, pool)
            storage.check_room(self.context, session, pool, more)
            change.revert = self._unless_grown(row, storage.value_of(pool))
            row.size = size
            self._concern(change, row)
            return row

        return self.context.perform("volume.extend", act)

    def retype(self, ref: str, type_: str, *, migrate: bool = False) -> Volume:
        """Give a volume another type; with `migrate` it may move to the type's pool.

        Raises Refused `volume.encryption`, `volume.retype.pool`, `volume.in_use`,
        `volume.move.live`, `volume.snapshots`.
        """
        self.caller.require(Role.MEMBER, "retype a volume")

        def act(change: Change) -> Volume:
            session = change.session
            row = find(session, Volume, ref, "volume", self.caller)
            storage.check_idle(session, row)
            kind = require_type(session, type_)
            name = row.name or row.id
            if bool(kind.encryption) != bool(row.key_id):
                text = f"volume {name} would have to be encrypted or decrypted; make a new one"
                raise Refused("volume.encryption", text)
            shared = is_multiattach(kind)
            if row.multiattach and not shared and len(storage.holders(session, row.id)) > 1:
                raise Refused("volume.in_use", f"volume {name} is attached to several instances")
            if row.multiattach != shared:
                storage.check_free(session, row, "change who may have it")
            pool = pool_of_type(kind) or row.pool
            if pool != row.pool:
                if not migrate:
                    text = f"type {kind.name} is of pool {pool}; say --retype-policy on-demand"
                    raise Refused("volume.retype.pool", text)
                self._move(change, row, pool)
            row.type_id, row.multiattach = kind.id, shared
            self._concern(change, row)
            return row

        return self.context.perform("volume.retype", act, deadline=HOURS)

    def migrate(self, ref: str, pool: str) -> Volume:
        """Move a volume to another pool; a guest that has it goes on. For the cloud's admin.

        Raises Refused `volume.in_use`, `volume.move.live`, `volume.snapshots`, `pool.full`.
        """
        self.caller.require_cloud_admin("migrate a volume")

        def act(change: Change) -> Volume:
            row = find(change.session, Volume, ref, "volume", self.caller)
            storage.check_idle(change.session, row)
            if pool == row.pool:
                raise Refused("volume.migrate.there", f"volume {row.name or row.id} is in {pool}")
            self._move(change, row, pool)
            self._concern(change, row)
            return row

        return self.context.perform("volume.migrate", act, deadline=HOURS)

    def revert(self, snapshot: str) -> Volume:
        """Give a volume the content of its newest snapshot again.

        Raises Refused `volume.revert.newest`, `volume.in_use`, `volume.busy`; HalfDone where a part
        of it was written.
        """
        self.caller.require(Role.MEMBER, "revert a volume")

        def act(change: Change) -> Volume:
            session = change.session
            found = find(session, VolumeSnapshot, snapshot, "snapshot", self.caller)
            row = session.get_one(Volume, found.volume_id)
            storage.check_replaced(session, row)
            storage.check_free(session, row, "revert it")
            if not found.made or storage.snapshots_of(session, row.id)[-1].id != found.id:
                newest = storage.snapshots_of(session, row.id)[-1]
                text = f"only the newest snapshot can be reverted to: {newest.name or newest.id}"
                raise Refused("volume.revert.newest", text)
            change.revert = storage.unwished(row)
            row.revert_to, row.restore_from = found.id, ""
            self._concern(change, row)
            return row

        return self.context.perform("volume.revert", act, deadline=HOURS)

    def delete(self, *refs: str, cascade: bool = False) -> None:
        """Remove volumes, with `cascade` their snapshots too.

        Raises Refused `volume.in_use` with who has one, `volume.snapshots`, `volume.busy`.
        """
        self.caller.require(Role.MEMBER, "delete a volume")

        def act(change: Change) -> None:
            session = change.session
            rows = [find(session, Volume, ref, "volume", self.caller) for ref in refs]
            for row in rows:
                storage.check_free(session, row, "delete it")
                if row.made and not row.absent and not storage.is_half(session, row):
                    storage.check_idle(session, row)
                snapshots = storage.snapshots_of(session, row.id)
                if snapshots and not cascade:
                    names = ", ".join(each.name or each.id for each in snapshots)
                    text = f"volume {row.name or row.id} has snapshots: {names}; delete them first"
                    raise Refused("volume.snapshots", f"{text}, or say --purge")
                for each in snapshots:
                    change.touch(*doom(session, Unit(Kind.SNAPSHOT, each.id)))
                unit = Unit(Kind.VOLUME, row.id)
                change.about(unit, row.name or row.id)
                change.touch(*doom(session, unit))

        self.context.perform("volume.delete", act)

    def _move(self, change: Change, row: Volume, pool: str) -> None:
        session = change.session
        target = storage.find_pool(session, self.context.settings, pool)
        origin = storage.find_pool(session, self.context.settings, row.pool)
        change.revert = storage.unwished(row)
        if guests := storage.holders(session, row.id):
            moving.check_live(session, row, guests)
            change.revert = moving.back(self.context, row, guests[0], target)
        if storage.snapshots_of(session, row.id):
            text = f"volume {row.name or row.id} has snapshots, which would stay; delete them first"
            raise Refused("volume.snapshots", text)
        whole = bool(guests) and not moving.keeps_holes(origin, target)
        storage.check_room(self.context, session, target, row.size, whole=whole)
        row.target_pool = target.name

    def _unless_grown(self, row: Volume, pool: Pool) -> Callable[[Session], None]:
        """What takes a wish for more back, as a volume that has grown stays so."""
        volume_id, before = row.id, row.size

        def revert(session: Session) -> None:
            found = session.get(Volume, volume_id)
            if found is None:
                return
            volumes = self.context.machine.volumes.look([pool], Look([volume_id])).volumes
            fact = volumes.get(volume_id)
            if fact is None or fact.size < storage.GIB * found.size:
                found.size = before

        return revert

    def _concern(self, change: Change, row: Volume) -> None:
        """The volume, and who has it, are converged."""
        unit = Unit(Kind.VOLUME, row.id)
        change.about(unit, row.name or row.id)
        guests = storage.holders(change.session, row.id)
        change.touch(unit, *(Unit(Kind.INSTANCE, each.id) for each in guests))


def _size(new: NewVolume, origin: Origin) -> int:
    size = origin.size if new.size is None else new.size
    if size is None:
        raise Refused("volume.size", "say how large the volume is to be, in GiB")
    if not 1 <= size <= storage.GIB_MOST:
        raise Refused("volume.size", f"a volume has 1 to {storage.GIB_MOST} GiB, not {size}")
    if origin.size is not None and size < origin.size:
        text = f"its source has {origin.size} GiB, which do not fit into {size}"
        raise Refused("volume.size", text)
    return size


def _pool(new: NewVolume, kind: VolumeType | None, origin: Origin) -> str:
    return new.pool or (pool_of_type(kind) if kind else "") or origin.pool


def _rows(session: Session, rows: Sequence[Volume]) -> list[VolumeRow]:
    types = {row.id: row.name for row in session.exec(select(VolumeType))}
    holders = _holders(session)
    counts = Counter(session.exec(select(VolumeSnapshot.volume_id)))
    return [
        VolumeRow(
            row,
            tuple((name, device) for _, name, device in holders.get(row.id, ())),
            storage.doing(session, row),
            types.get(row.type_id or "", ""),
            counts[row.id],
            tuple(id_ for id_, _, _ in holders.get(row.id, ())),
        )
        for row in rows
    ]


def _holders(session: Session) -> dict[str, list[tuple[str, str, str]]]:
    """By volume, who has it: the instance's id, its name, and what it calls the volume."""
    query = select(Attachment.volume_id, Instance.id, Instance.name, Attachment.device).join(
        Instance, col(Instance.id) == col(Attachment.instance_id)
    )
    found: dict[str, list[tuple[str, str, str]]] = {}
    for volume_id, id_, name, device in session.exec(query.order_by(col(Attachment.created_at))):
        found.setdefault(volume_id, []).append((id_, name, device))
    return found


__all__ = ["HOURS", "NewVolume", "VolumeRow", "Volumes"]
