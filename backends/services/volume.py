"""Volumes: made, attached, detached, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.instance import Instance
from backends.records.unit import Kind, Unit
from backends.records.volume import Attachment, Volume
from backends.services import quota
from backends.services.base import Service, check_absent, find, good_name, good_text, own

_GIB_MOST = 1 << 16


class VolumeRow(NamedTuple):
    """One line of a listing. `attached` are (instance name, device)."""

    volume: Volume
    attached: tuple[tuple[str, str], ...]

    @property
    def status(self) -> str:
        """Cinder's word for it."""
        if self.volume.absent:
            return "deleting"
        if not self.volume.made:
            return "creating"
        return "in-use" if self.attached else "available"


class Volumes(Service):
    """Volumes of the caller's project."""

    def create(self, name: str, size: int, description: str = "") -> Volume:
        """A new, empty volume of `size` GiB. Raises Refused `volume.size`, `quota.exceeded`."""
        self.caller.require(Role.MEMBER, "create a volume")
        if name:
            name = good_name(name)
        if not 1 <= size <= _GIB_MOST:
            raise Refused("volume.size", f"a volume has 1 to {_GIB_MOST} GiB, not {size}")

        def act(change: Change) -> Volume:
            session, settings = change.session, self.context.settings
            quota.check(session, self.caller.project_id, {"volumes": 1, "gigabytes": size})
            row = Volume(
                project_id=self.caller.project_id,
                name=name,
                description=good_text(description, "description"),
                size=size,
                driver="lvm" if settings.volume_group else "file",
                host=settings.host,
            )
            session.add(row)
            change.make(Unit(Kind.VOLUME, row.id), name or row.id)
            return row

        return self.context.perform("volume.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[VolumeRow]:
        """The caller's volumes and where they are attached, by name."""
        with self.context.reading() as session:
            rows = own(session, Volume, self.caller, all_projects)
            used = _attached(session)
            return [VolumeRow(row, used.get(row.id, ())) for row in rows]

    def of_instance(self, instance: str) -> Sequence[str]:
        """Ids of the volumes that an instance has, in the order of their devices."""
        with self.context.reading() as session:
            guest = find(session, Instance, instance, "instance", self.caller)
            query = select(Attachment.volume_id).where(Attachment.instance_id == guest.id)
            return list(session.exec(query.order_by(col(Attachment.device))))

    def show(self, ref: str) -> VolumeRow:
        """One volume by id or name. Raises NotFound `volume.not_found`."""
        with self.context.reading() as session:
            row = find(session, Volume, ref, "volume", self.caller)
            return VolumeRow(row, _attached(session).get(row.id, ()))

    def set(self, ref: str, *, name: str | None = None, description: str | None = None) -> Volume:
        """Change a volume's name or description."""
        self.caller.require(Role.MEMBER, "change a volume")

        def act(change: Change) -> Volume:
            row = find(change.session, Volume, ref, "volume", self.caller)
            check_absent(row, "volume")
            row.name = row.name if name is None else good_name(name)
            if description is not None:
                row.description = good_text(description, "description")
            unit = Unit(Kind.VOLUME, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("volume.set", act)

    def delete(self, *refs: str) -> None:
        """Remove volumes. Raises Refused `volume.in_use` with who has one."""
        self.caller.require(Role.MEMBER, "delete a volume")

        def act(change: Change) -> None:
            rows = [find(change.session, Volume, ref, "volume", self.caller) for ref in refs]
            used = _attached(change.session)
            for row in rows:
                if row.id in used:
                    names = ", ".join(name for name, _ in used[row.id])
                    raise Refused(
                        "volume.in_use", f"volume {row.name or row.id} is attached to {names}"
                    )
                unit = Unit(Kind.VOLUME, row.id)
                change.about(unit, row.name or row.id)
                change.touch(*doom(change.session, unit))

        self.context.perform("volume.delete", act)

    def attach(
        self, volume: str, instance: str, *, device: str | None = None, read_only: bool = False
    ) -> Attachment:
        """Attach a volume to an instance, running or not. Raises Refused `volume.in_use`."""
        self.caller.require(Role.MEMBER, "attach a volume")

        def act(change: Change) -> Attachment:
            session = change.session
            row = find(session, Volume, volume, "volume", self.caller)
            guest = find(session, Instance, instance, "instance", self.caller)
            check_absent(row, "volume")
            check_absent(guest, "instance")
            if row.project_id != guest.project_id:
                raise Refused("volume.project", "volume and instance are of different projects")
            used = _attached(session).get(row.id)
            if used:
                raise Refused("volume.in_use", f"volume {row.name} is attached to {used[0][0]}")
            attachment = Attachment(
                volume_id=row.id,
                instance_id=guest.id,
                device=_device(session, guest, device),
                read_only=read_only,
            )
            session.add(attachment)
            change.revert = partial(_mark, attachment.volume_id, attachment.instance_id, True)
            change.about(Unit(Kind.VOLUME, row.id), row.name or row.id)
            change.touch(Unit(Kind.VOLUME, row.id), Unit(Kind.INSTANCE, guest.id))
            return attachment

        return self.context.perform("volume.attach", act)

    def detach(self, volume: str, instance: str) -> None:
        """Take a volume from an instance; returns once the guest let go of it.

        Raises NotFound `volume.not_attached`, MachineFailed `volume.detach.refused`.
        """
        self.caller.require(Role.MEMBER, "detach a volume")

        def act(change: Change) -> None:
            session = change.session
            row = find(session, Volume, volume, "volume", self.caller)
            guest = find(session, Instance, instance, "instance", self.caller)
            attachment = session.get(Attachment, (row.id, guest.id))
            if attachment is None:
                raise NotFound("volume.not_attached", f"{row.name} is not attached to {guest.name}")
            attachment.absent = True
            change.revert = partial(_mark, row.id, guest.id, False)
            change.about(Unit(Kind.VOLUME, row.id), row.name or row.id)
            change.touch(Unit(Kind.INSTANCE, guest.id))

        self.context.perform("volume.detach", act)


def _mark(volume_id: str, instance_id: str, absent: bool, session: Session) -> None:
    attachment = session.get(Attachment, (volume_id, instance_id))
    if attachment is not None:
        attachment.absent = absent


def _attached(session: Session) -> dict[str, tuple[tuple[str, str], ...]]:
    query = select(Attachment.volume_id, Instance.name, Attachment.device).join(
        Instance, col(Instance.id) == col(Attachment.instance_id)
    )
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for volume_id, name, device in session.exec(query):
        found[volume_id] = (*found.get(volume_id, ()), (name, device))
    return found


def _device(session: Session, guest: Instance, wanted: str | None) -> str:
    """`vda` is the root disk and `vdz` the config drive."""
    query = select(Attachment.device).where(Attachment.instance_id == guest.id)
    taken = set(session.exec(query))
    free = [f"vd{letter}" for letter in "bcdefghijklmnopqrstuvwxy" if f"vd{letter}" not in taken]
    if wanted is None:
        if not free:
            raise Refused("volume.device", f"instance {guest.name} has no place for another disk")
        return free[0]
    name = wanted.removeprefix("/dev/")
    if name not in free:
        raise Refused("volume.device", f"{wanted!a} is taken or no disk's name (vdb to vdy)")
    return name
