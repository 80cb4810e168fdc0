"""What a new volume gets its content from, and what it takes along from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlmodel import Session

from backends.context import Context
from backends.errors import Refused
from backends.records.base import new_id
from backends.records.image import Image
from backends.records.tables import Volume, VolumeBackup, VolumeSnapshot
from backends.services import storage
from backends.services.base import check_absent, find
from backends.services.image_base import ImageService
from backends.settings import DEFAULT_POOL

if TYPE_CHECKING:
    from backends.services.volume import NewVolume

# What is no disk.
_PARTS = ("aki", "ari")


@dataclass(frozen=True, slots=True)
class Origin:
    """A source: its kind and id, its size in GiB (None: no source), and what goes along."""

    kind: str = ""
    id: str = ""
    size: int | None = None
    pool: str = DEFAULT_POOL
    type_id: str | None = None
    key_id: str | None = None
    bootable: bool = False
    image_properties: dict[str, str] = field(default_factory=dict)

    def key_for(self, *, encrypts: bool) -> str | None:
        """The id of the key of a volume that is made of it; `encrypts` as the volume's type.

        A copy of what is encrypted stays so, with its key; an image is encrypted on its way in.
        Raises Refused `volume.encryption`.
        """
        if self.kind in ("", "image"):
            return new_id() if encrypts else None
        if encrypts != bool(self.key_id):
            text = "a copy of a volume is encrypted where the volume is, and only there"
            raise Refused("volume.encryption", text)
        return self.key_id


def origin_of(context: Context, session: Session, new: NewVolume) -> Origin:
    """The source of a new volume, if it can be one now.

    Raises NotFound `<source>.not_found`, Refused `volume.busy`, `image.*`, `snapshot.busy`,
    `backup.busy`.
    """
    if new.image is not None:
        return _image(ImageService(context).require(session, new.image))
    caller = context.caller
    if new.snapshot is not None:
        snapshot = find(session, VolumeSnapshot, new.snapshot, "snapshot", caller)
        check_made(snapshot, "snapshot")
        volume = session.get_one(Volume, snapshot.volume_id)
        return _of(volume, "snapshot", snapshot.id, snapshot.size, snapshot.key_id)
    if new.source is not None:
        volume = find(session, Volume, new.source, "volume", caller)
        storage.check_idle(session, volume, copied=False)
        return _of(volume, "volume", volume.id, volume.size, volume.key_id)
    if new.backup is not None:
        backup = find(session, VolumeBackup, new.backup, "backup", caller)
        check_made(backup, "backup")
        return Origin(
            "backup", backup.id, backup.size, key_id=backup.key_id, bootable=backup.bootable
        )
    return Origin()


def check_made(row: VolumeSnapshot | VolumeBackup, what: str) -> None:
    """Raises Refused `<what>.busy` for one that is still being made, or going."""
    check_absent(row, what)
    if not row.made:
        raise Refused(f"{what}.busy", f"{what} {row.name or row.id} is still being made")


def _of(volume: Volume, kind: str, id_: str, size: int, key_id: str | None) -> Origin:
    return Origin(
        kind, id_, size, volume.pool, volume.type_id, key_id, volume.bootable,
        dict(volume.image_properties),
    )  # fmt: skip


def _image(image: Image) -> Origin:
    if not image.imported:
        raise Refused("image.not_ready", f"image {image.name} is still being imported")
    if image.disk_format in _PARTS:
        raise Refused("image.not_bootable", f"image {image.name} is a {image.disk_format}, no disk")
    needed = max(1, image.min_disk, -(-(image.virtual_size or 0) // storage.GIB))
    about = {
        "image_id": image.id,
        "image_name": image.name,
        "disk_format": image.disk_format,
        "min_ram": str(image.min_ram),
    }
    return Origin(
        "image", image.id, needed, bootable=True, image_properties=about | image.properties
    )
