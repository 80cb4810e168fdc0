"""Moving volumes while guests write to them: where it can be, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from backends.context import Context
from backends.drivers.volumes.pool import FILE, NFS
from backends.errors import QuarterdeckError, Refused
from backends.records.instance import Instance
from backends.records.pool import StoragePool
from backends.records.volume import Attachment, Volume
from backends.services import storage

# What is a file to QEMU, which goes over from one to the other.
_FILES = (FILE, NFS)


def check_live(
    session: Session,
    row: Volume,
    guests: Sequence[Instance],
    origin: StoragePool,
    target: StoragePool,
) -> None:
    """Whether a volume that instances have can move.

    Raises Refused `volume.in_use` (several have it, or one lets go of it), `volume.move.live`.
    """
    name = row.name or row.id
    leaving = select(Attachment).where(Attachment.volume_id == row.id, col(Attachment.absent))
    if len(guests) > 1 or session.exec(leaving).first() is not None:
        storage.check_free(session, row, "move it")
    reason = ""
    for pool in (origin, target):
        if pool.driver not in _FILES or pool.host:
            reason = f"pool {pool.name} is not of files on this host"
    read_only = select(Attachment).where(Attachment.volume_id == row.id, col(Attachment.read_only))
    if row.key_id:
        reason = "it is encrypted"
    elif session.exec(read_only).first() is not None:
        reason = "its guest may only read it"
    if reason:
        text = f"volume {name} cannot move while {guests[0].name} has it: {reason}"
        raise Refused("volume.move.live", f"{text}; detach it first")


def back(
    context: Context, row: Volume, guest: Instance, target: StoragePool
) -> Callable[[Session], None]:
    """What takes the move back, unless the guest has gone over: then it is only ended."""
    before = (row.type_id, row.multiattach)
    volume_id, guest_id, place = row.id, guest.id, storage.value_of(target)

    def revert(session: Session) -> None:
        found = session.get(Volume, volume_id)
        if found is None or not found.target_pool:
            return
        path = context.machine.volumes.path(volume_id, place)
        try:
            file = context.machine.libvirt.mirror(guest_id).file(volume_id)
        except QuarterdeckError:
            # Nobody knows where the guest is: the next converge that does ends the move.
            return
        if file != str(path):
            found.target_pool = ""
            found.type_id, found.multiattach = before

    return revert
