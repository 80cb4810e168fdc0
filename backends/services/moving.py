"""Moving volumes while guests write to them: where it can be, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from backends.context import Context
from backends.drivers.volumes.pool import FILE, NFS, place_of
from backends.errors import QuarterdeckError, Refused
from backends.records.instance import Instance
from backends.records.pool import StoragePool
from backends.records.volume import Attachment, Volume
from backends.services import storage


def check_live(session: Session, row: Volume, guests: Sequence[Instance]) -> None:
    """Whether a volume that instances have can move.

    Raises Refused `volume.in_use` (several have it, or one lets go of it), `volume.move.live`.
    """
    mine = select(Attachment).where(Attachment.volume_id == row.id)
    if len(guests) > 1 or session.exec(mine.where(col(Attachment.absent))).first() is not None:
        storage.check_free(session, row, "move it")
    if row.key_id:
        text = f"volume {row.name or row.id} cannot move while {guests[0].name} has it"
        reason = "it is encrypted, and QEMU would copy it in the clear"
        raise Refused("volume.move.live", f"{text}: {reason}; detach it first")


def keeps_holes(origin: StoragePool, target: StoragePool) -> bool:
    """Whether a copy that QEMU makes takes no more space than its origin, where it is thin."""
    return {origin.driver, target.driver} <= {FILE, NFS}


def back(
    context: Context, row: Volume, guest: Instance, target: StoragePool
) -> Callable[[Session], None]:
    """What takes the move back, unless the guest has gone over: then it is only ended."""
    undo = storage.unwished(row)
    place = place_of(storage.value_of(target), context.settings, row.id)
    volume_id, guest_id = row.id, guest.id

    def revert(session: Session) -> None:
        try:
            mirror = context.machine.libvirt.mirror(guest_id)
            stays = mirror.place(volume_id) != place and not mirror.goes_over(volume_id)
        except QuarterdeckError:
            # Nobody knows where the guest is: the next converge that does ends the move.
            return
        if stays:
            undo(session)

    return revert
