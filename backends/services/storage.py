"""What the verbs on volumes, snapshots and backups share: what is at work, and room in pools."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from backends.context import Context
from backends.drivers.volumes.pool import LVM, THIN, Pool, default_pool, pool_of
from backends.errors import NotFound, Refused
from backends.journal import AT_WORK
from backends.records.operation import Operation
from backends.records.pool import StoragePool
from backends.records.tables import (
    Attachment,
    Instance,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
    VolumeTransfer,
)
from backends.records.unit import Kind, Unit
from backends.settings import DEFAULT_POOL, Settings

GIB = 1 << 30
GIB_MOST = 1 << 16
# What a volume's record can wish for: the field, Cinder's word for it, the word for it where nobody
# is at work on it, and what the volume is then.
_WISHES = (
    ("revert_to", "reverting", "error_reverting", "has a part of a snapshot"),
    ("restore_from", "restoring-backup", "error_restoring", "has a part of a backup"),
    ("target_pool", "retyping", "error_retyping", "is on its way to another pool"),
)
HALF_MOVED = "error_retyping"
# How much more than there is may be promised where only what is written takes space (Cinder's).
THIN_RATIO = 20.0


def find_pool(session: Session, settings: Settings, name: str) -> StoragePool:
    """A pool by its name; the default one is made up. Raises NotFound `pool.not_found`."""
    found = session.exec(select(StoragePool).where(StoragePool.name == name)).first()
    if found is not None and not found.absent:
        return found
    if name == DEFAULT_POOL:
        pool = default_pool(settings)
        ratio = THIN_RATIO if pool.driver in THIN else 1.0
        return StoragePool(
            id="", name=pool.name, driver=pool.driver, place=pool.place, ratio=ratio, created_at=0.0
        )
    raise NotFound("pool.not_found", f"no pool {name!r}; see `quarterdeck volume pool list`")


def promised(session: Session, pool: str) -> int:
    """How many GiB volumes and snapshots of a pool were promised."""
    here = (Volume.pool == pool) | (Volume.target_pool == pool)
    volumes = select(func.sum(Volume.size)).where(here, col(Volume.absent).is_(False))
    snapshots = (
        select(func.sum(VolumeSnapshot.size))
        .join(Volume, col(Volume.id) == col(VolumeSnapshot.volume_id))
        .where(Volume.pool == pool, col(VolumeSnapshot.absent).is_(False))
    )
    return int(session.exec(volumes).one() or 0) + int(session.exec(snapshots).one() or 0)


def check_room(
    context: Context, session: Session, pool: StoragePool, more: int, *, whole: bool = False
) -> None:
    """Whether a pool may promise `more` GiB; with `whole`, whether they may be written at once.

    Raises Refused `pool.disabled`, `pool.full`, `pool.unreachable`.
    """
    if not pool.enabled:
        raise Refused("pool.disabled", f"pool {pool.name} takes no new volumes")
    fact = context.machine.volumes.pool_facts([value_of(pool)])[pool.name]
    if fact.error:
        raise Refused("pool.unreachable", f"pool {pool.name}: {fact.error}")
    most = math.ceil(fact.size * pool.ratio / GIB)
    used = promised(session, pool.name)
    if used + more > most:
        raise Refused(
            "pool.full",
            f"pool {pool.name} may promise {most} GiB and has promised {used}; {more} more do not"
            " fit: delete volumes, make it larger, or raise its ratio",
        )
    if whole and pool.driver in THIN and fact.free < more * GIB:
        raise Refused(
            "pool.full",
            f"pool {pool.name} has {fact.free // GIB} GiB free, and all {more} GiB of a volume are"
            " written that moves so while an instance has it: make it larger, or detach it first",
        )


def check_grows(session: Session, row: Volume, pool: StoragePool) -> None:
    """Whether a volume can be made larger. Raises Refused `volume.snapshots`.

    LVM resizes the origin of thick snapshots only while nobody has it (lvextend(8)).
    """
    of_it = select(VolumeSnapshot).where(
        VolumeSnapshot.volume_id == row.id, col(VolumeSnapshot.absent).is_(False)
    )
    if pool.driver == LVM and session.exec(of_it).first() is not None:
        text = f"volume {row.name or row.id} has snapshots, and its pool {pool.name} is thick"
        raise Refused("volume.snapshots", f"{text}: delete them first")


def value_of(pool: StoragePool) -> Pool:
    """What a driver needs to know of it."""
    return pool_of(pool)


def doing(session: Session, row: Volume) -> str:
    """Cinder's word for what is at work on a volume; empty for nothing."""
    if row.absent:
        return "deleting"
    if not row.made:
        words = {"image": "downloading", "backup": "restoring-backup"}
        return words.get(row.source_kind, "creating")
    for wish, word, half, _ in _WISHES:
        if getattr(row, wish):
            return word if _is_at_work(session, row) else half
    if _first(session, VolumeTransfer, VolumeTransfer.volume_id == row.id):
        return "awaiting-transfer"
    return ""


def check_idle(session: Session, row: Volume, *, copied: bool = True) -> None:
    """Raises Refused `volume.busy` where something is at work on it.

    `copied` counts what only reads it: a snapshot, a backup or a clone that is being made.
    """
    word = doing(session, row)
    name = row.name or row.id
    for _, _, half, what in _WISHES:
        if word == half:
            text = f"volume {name} {what}; `drift repair` goes on with it"
            other = "" if word == HALF_MOVED else "restore a backup, or "
            raise Refused("volume.busy", f"{text}, or {other}delete the volume")
    if word:
        raise Refused("volume.busy", f"volume {name} is {word}; wait for it, or cancel that")
    if not copied:
        return
    unmade: tuple[tuple[Any, Any, str], ...] = (
        (VolumeSnapshot, VolumeSnapshot.volume_id == row.id, "a snapshot"),
        (VolumeBackup, VolumeBackup.volume_id == row.id, "a backup"),
        (Volume, (Volume.source_kind == "volume") & (Volume.source_id == row.id), "a clone"),
    )
    for table, mine, what in unmade:
        if _first(session, table, mine, col(table.made).is_(False), col(table.absent).is_(False)):
            raise Refused("volume.busy", f"{what} of volume {name} is being made; wait for it")


def check_replaced(session: Session, row: Volume) -> None:
    """As `check_idle`, for what needs nothing of its content: that may be half of something."""
    if not is_half(session, row) or row.target_pool:
        check_idle(session, row)


def is_half(session: Session, row: Volume) -> bool:
    """Whether something was begun with it that nobody is at work on."""
    return doing(session, row) in [half for _, _, half, _ in _WISHES]


def check_still(session: Session, guest: Instance) -> None:
    """Raises Refused `volume.moving` where a volume of an instance lies in two pools.

    Until that has ended nobody says which of the two is the volume, so the guest is left alone.
    """
    query = (
        select(Volume)
        .join(Attachment, col(Attachment.volume_id) == col(Volume.id))
        .where(Attachment.instance_id == guest.id, Volume.target_pool != "")
    )
    for row in session.exec(query):
        text = f"volume {row.name or row.id} of {guest.name} is being moved"
        mend = (
            "wait for it, or cancel that" if _is_at_work(session, row) else "`drift repair` ends it"
        )
        raise Refused("volume.moving", f"{text}; {mend}")


def unwished(row: Volume) -> Callable[[Session], None]:
    """What takes back that a volume was wished another content or pool, unless it has it by now."""
    names = ("revert_to", "restore_from", "target_pool", "type_id", "multiattach")
    before, volume_id = {name: getattr(row, name) for name in names}, row.id

    def revert(session: Session) -> None:
        found = session.get(Volume, volume_id)
        if found is not None and any(getattr(found, wish) for wish, *_ in _WISHES):
            for name, value in before.items():
                setattr(found, name, value)

    return revert


def holders(session: Session, volume_id: str) -> list[Instance]:
    """The instances that have a volume."""
    query = select(Instance).join(
        Attachment, col(Attachment.instance_id) == col(Instance.id)
    ).where(Attachment.volume_id == volume_id)  # fmt: skip
    return list(session.exec(query))


def check_free(session: Session, row: Volume, what: str) -> None:
    """Raises Refused `volume.in_use` where an instance has it."""
    found = holders(session, row.id)
    if found:
        names = ", ".join(each.name for each in found)
        text = f"volume {row.name or row.id} is attached to {names}; detach it to {what}"
        raise Refused("volume.in_use", text)


def snapshots_of(session: Session, volume_id: str) -> list[VolumeSnapshot]:
    """The snapshots of a volume that are to stay, the oldest first."""
    query = select(VolumeSnapshot).where(
        VolumeSnapshot.volume_id == volume_id, col(VolumeSnapshot.absent).is_(False)
    )
    return list(session.exec(query.order_by(col(VolumeSnapshot.created_at))))


def _is_at_work(session: Session, row: Volume) -> bool:
    """Whether an operation is at work on it."""
    units = session.exec(select(Operation.units).where(col(Operation.outcome).in_(AT_WORK)))
    return any(str(Unit(Kind.VOLUME, row.id)) in each for each in units)


def _first(session: Session, table: Any, *conditions: Any) -> bool:
    return session.exec(select(table).where(*conditions).limit(1)).first() is not None
