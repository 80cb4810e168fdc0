"""Volumes in instances: attached and taken out again, running or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlmodel import Session, col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.instance import Instance
from backends.records.unit import Kind, Unit
from backends.records.volume import Attachment, Volume
from backends.services import storage
from backends.services.base import Service, check_absent, find

# `vda` is the root disk, `vdy` that of an instance that is rescued, `vdz` the config drive.
_LETTERS = "bcdefghijklmnopqrstuvwx"


class Attaching(Service):
    """The part of the verbs on volumes that is about instances."""

    def of_instance(self, instance: str) -> Sequence[str]:
        """Ids of the volumes that an instance has, in the order of their devices."""
        with self.context.reading() as session:
            guest = find(session, Instance, instance, "instance", self.caller)
            query = select(Attachment.volume_id).where(Attachment.instance_id == guest.id)
            return list(session.exec(query.order_by(col(Attachment.device))))

    def attachments(self, ref: str) -> Sequence[Attachment]:
        """Where a volume is attached, the oldest first."""
        with self.context.reading() as session:
            row = find(session, Volume, ref, "volume", self.caller)
            query = select(Attachment).where(Attachment.volume_id == row.id)
            return list(session.exec(query.order_by(col(Attachment.created_at))))

    def attach(
        self, volume: str, instance: str, *, device: str | None = None, read_only: bool = False
    ) -> Attachment:
        """Attach a volume to an instance, running or not.

        Raises Refused `volume.in_use`, `volume.attached`, `volume.busy`, `volume.device`.
        """
        self.caller.require(Role.MEMBER, "attach a volume")

        def act(change: Change) -> Attachment:
            session = change.session
            row = find(session, Volume, volume, "volume", self.caller)
            guest = find(session, Instance, instance, "instance", self.caller)
            check_absent(guest, "instance")
            storage.check_still(session, guest)
            attachment = bind(session, row, guest, _device(session, guest, device), read_only)
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
            if row.id == guest.root_volume_id:
                raise Refused("volume.root", f"{guest.name} boots from {row.name or row.id}")
            storage.check_still(session, guest)
            attachment.absent = True
            change.revert = partial(_mark, row.id, guest.id, False)
            change.about(Unit(Kind.VOLUME, row.id), row.name or row.id)
            change.touch(Unit(Kind.INSTANCE, guest.id))

        self.context.perform("volume.detach", act)


def bind(
    session: Session, row: Volume, guest: Instance, device: str, read_only: bool = False
) -> Attachment:
    """Record that an instance has a volume. Raises Refused `volume.*`. Part of a transaction."""
    check_absent(row, "volume")
    if row.project_id != guest.project_id:
        raise Refused("volume.project", "volume and instance are of different projects")
    _check_shareable(session, row, guest)
    storage.check_idle(session, row)
    attachment = Attachment(
        volume_id=row.id,
        instance_id=guest.id,
        device=device,
        read_only=read_only or row.read_only,
    )
    session.add(attachment)
    return attachment


def _check_shareable(session: Session, row: Volume, guest: Instance) -> None:
    holders = storage.holders(session, row.id)
    name = row.name or row.id
    if guest.id in [each.id for each in holders]:
        raise Refused("volume.in_use", f"volume {name} is attached to {guest.name} already")
    if holders and not row.multiattach:
        text = f"volume {name} is attached to {holders[0].name}"
        raise Refused("volume.in_use", f"{text}; a type with multiattach lets several have it")
    if holders and row.key_id:
        raise Refused("volume.encryption", f"volume {name} is encrypted: one instance has it")


def _mark(volume_id: str, instance_id: str, absent: bool, session: Session) -> None:
    attachment = session.get(Attachment, (volume_id, instance_id))
    if attachment is not None:
        attachment.absent = absent


def _device(session: Session, guest: Instance, wanted: str | None) -> str:
    query = select(Attachment.device).where(Attachment.instance_id == guest.id)
    taken = set(session.exec(query))
    free = [f"vd{letter}" for letter in _LETTERS if f"vd{letter}" not in taken]
    if wanted is None:
        if not free:
            raise Refused("volume.device", f"instance {guest.name} has no place for another disk")
        return free[0]
    name = wanted.removeprefix("/dev/")
    if name not in free:
        raise Refused("volume.device", f"{wanted!r} is taken or no disk's name (vdb to vdx)")
    return name
