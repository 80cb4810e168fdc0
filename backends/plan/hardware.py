"""What a guest's machine is like, by its image's `hw_` properties (Glance's useful properties)."""

from __future__ import annotations

from collections.abc import Mapping

from backends.drivers.libvirt.spec import Disk
from backends.drivers.qemu_img.formats import FOREIGN, QEMU_NAMES
from backends.records.snapshot import Records
from backends.records.tables import Image, Instance
from backends.settings import Settings

# The properties that are obeyed, and their values; the first is what holds without one.
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "hw_machine_type": ("q35", "pc"),
    "hw_firmware_type": ("bios", "uefi"),
    "hw_disk_bus": ("virtio", "scsi", "sata", "ide"),
    "hw_vif_model": ("virtio", "e1000", "e1000e", "rtl8139"),
    # What every guest has anyway.
    "hw_qemu_guest_agent": ("yes", "true"),
    "hw_rng_model": ("virtio",),
    "hw_scsi_model": ("virtio-scsi",),
    "hw_cdrom_bus": ("sata",),
}
_DISK_PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd"}
# CD-ROMs come after the root disk, whatever that is on.
_CD = "sdb"
_CONFIG_CD = "sdc"


def of_image(image: Image) -> dict[str, str]:
    """What an instance takes along of its image's properties."""
    return {name: value for name, value in image.properties.items() if name in PROPERTIES}


def value(hardware: Mapping[str, str], name: str) -> str:
    """A property's value, or what holds without it."""
    return hardware.get(name) or PROPERTIES[name][0]


def own_disk(
    instance: Instance,
    path: str,
    image_id: str | None,
    records: Records,
    settings: Settings,
    *,
    place: str = "a",
    serial: str = "",
) -> Disk:
    """A disk of the instance's own, on the bus that its image wants, standing on `image_id`."""
    bus = value(instance.hardware, "hw_disk_bus")
    return Disk(
        path,
        "qcow2",
        f"{_DISK_PREFIXES[bus]}{place}",
        serial,
        base=_base(image_id, records, settings),
        bus="" if bus == "virtio" else bus,
    )


def config_disk(instance: Instance, path: str) -> Disk:
    """The config drive; a CD-ROM for guests that may not know virtio."""
    virtio = value(instance.hardware, "hw_disk_bus") == "virtio"
    return Disk(path, "raw", "vdz" if virtio else _CONFIG_CD, "config-drive", read_only=True)


def disc(image: Image | None, settings: Settings) -> tuple[Disk, ...]:
    """The CD-ROM of an instance that was launched from an ISO image."""
    if image is None or image.disk_format != "iso":
        return ()
    return (Disk(str(settings.image(image.id)), "raw", _CD, "", read_only=True, kept=True),)


def _base(
    image_id: str | None, records: Records, settings: Settings
) -> tuple[str, str] | tuple[()]:
    image = records.images.get(image_id or "")
    if image is None or image.disk_format in FOREIGN or image.disk_format == "iso":
        return ()
    return str(settings.image(image.id)), QEMU_NAMES[image.disk_format]
