"""What an instance boots from: an image, on a disk of its own, or a volume."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlmodel import Session

from backends.context import Change, Context
from backends.errors import Refused
from backends.plan import hardware
from backends.records.flavor import Flavor
from backends.records.image import Image
from backends.records.instance import Instance
from backends.records.tables import Volume
from backends.records.unit import Kind, Unit
from backends.services.attachment import bind
from backends.services.base import check_absent, find
from backends.services.image import Images
from backends.services.image_file import check_ready

BOOTABLE = ("raw", "qcow2", "vdi", "vhd", "vhdx", "vmdk", "iso", "ami")
_DEVICE = "vda"


@dataclass(frozen=True, slots=True)
class Root:
    """An image or a volume that can be booted, and what machine it wants."""

    image_id: str | None = None
    volume: Volume | None = None
    hardware: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_image(cls, context: Context, session: Session, ref: str, flavor: Flavor) -> Root:
        """Raises NotFound `image.not_found`, and what `check_image` raises."""
        image = Images(context).require(session, ref)
        check_image(image, flavor)
        return cls(image.id, None, hardware.of_image(image))

    @classmethod
    def of_volume(cls, context: Context, session: Session, ref: str) -> Root:
        """Raises NotFound `volume.not_found`, Refused `volume.not_bootable`."""
        row = find(session, Volume, ref, "volume", context.caller)
        check_absent(row, "volume")
        if not row.bootable:
            text = f"volume {row.name or row.id} is not bootable; `volume set --bootable` says so"
            raise Refused("volume.not_bootable", text)
        known = {k: v for k, v in row.image_properties.items() if k in hardware.PROPERTIES}
        return cls(None, row, known)

    def bind(self, change: Change, instance: Instance) -> None:
        """Record that the instance has the volume as its first disk."""
        if self.volume is not None:
            bind(change.session, self.volume, instance, _DEVICE)
            change.touch(Unit(Kind.VOLUME, self.volume.id))


def check_image(image: Image, flavor: Flavor) -> None:
    """Whether an instance of this flavor can boot from it. Raises Refused `image.*`, `flavor.*`."""
    if image.disk_format not in BOOTABLE:
        raise Refused("image.not_bootable", f"image {image.name} is a {image.disk_format}, no disk")
    check_ready(image)
    if not image.active:
        raise Refused("image.deactivated", f"image {image.name} is deactivated")
    if image.damaged:
        raise Refused("image.damaged", f"the file of image {image.name} is damaged; repair it")
    if flavor.ram < image.min_ram:
        text = (
            f"image {image.name} wants {image.min_ram} MiB, flavor {flavor.name} has {flavor.ram}"
        )
        raise Refused("flavor.too_small", text)
    needed = max(image.min_disk << 30, image.virtual_size or 0)
    if flavor.disk and flavor.disk << 30 < needed:
        gib = -(-needed // (1 << 30))
        text = f"image {image.name} wants {gib} GiB of disk, flavor {flavor.name} has {flavor.disk}"
        raise Refused("flavor.too_small", text)
