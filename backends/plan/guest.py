"""What a domain and its config drive should be, from the records of an instance."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from backends.drivers.libvirt.spec import DomainSpec, Nic
from backends.plan import hardware, labels
from backends.plan.disk import disk_of
from backends.records.snapshot import Records
from backends.records.tables import Image, Instance, Port
from backends.settings import CONSOLE_LOG, RESCUE, Settings, root_disk

# A guest that is booted from kernel and ramdisk finds its disk and its console by these.
_CMDLINE = "root=/dev/vda console=tty0 console=ttyS0"
_ENCODER = json.JSONEncoder(sort_keys=True, check_circular=False)

Files = tuple[tuple[str, str], ...]


def config_files(instance: Instance) -> Files:
    """The config drive's files (Nova, "Config drives"). No network data: DHCP tells."""
    files = [("openstack/latest/meta_data.json", _ENCODER.encode(meta_data(instance)))]
    if instance.user_data is not None:
        files.append(("openstack/latest/user_data", instance.user_data))
    return tuple(files)


def meta_data(instance: Instance) -> dict[str, Any]:
    """What meta_data.json has, as nova.api.metadata.base makes it."""
    hostname, key = instance.hostname, instance.public_key
    meta: dict[str, Any] = {
        "uuid": instance.id,
        "name": hostname,
        "hostname": hostname,
        "launch_index": 0,
        "availability_zone": "nova",
        "project_id": instance.project_id,
        "meta": instance.properties,
        "public_keys": {},
        "keys": [],
    }
    if key:
        name = instance.key_name or "key"
        meta["public_keys"] = {name: key}
        meta["keys"] = [{"name": name, "type": "ssh", "data": key}]
    return meta


def config_digest(files: Files) -> str:
    """Names the drive: other files, other name."""
    return hashlib.sha256(repr(files).encode()).hexdigest()[:16]


def spec(instance: Instance, config: str, records: Records, settings: Settings) -> DomainSpec:
    """The domain. `config` is the digest of its config drive, empty for none."""
    id_, machine = instance.id, instance.hardware
    folder = settings.instance_folder(id_)
    own = f"{folder}/{root_disk(instance.disk_generation)}"
    rescued = instance.rescue_image_id
    first, stands_on = (f"{folder}/{RESCUE}", rescued) if rescued else (own, instance.base_id)
    disks = []
    if not instance.root_volume_id:
        disks.append(hardware.own_disk(instance, first, stands_on, records, settings))
    for attachment in sorted(records.attachments.get(id_, ()), key=lambda a: a.device):
        if not attachment.absent:
            disks.append(disk_of(attachment, records, settings))
    if config:
        path = f"{folder}/config-{config}.iso"
        disks.append(hardware.config_disk(instance, path))
    if rescued:
        # The last of its disks, so that its volumes stay where they were.
        disks.append(
            hardware.own_disk(
                instance, own, instance.base_id, records, settings, place="y", serial="root-disk"
            )
        )
    nics = [
        nic_of(port, records, settings)
        for port in records.ports_of.get(id_, ())
        if not port.absent and not port.leaving
    ]
    image = records.images.get(rescued or instance.image_id or "")
    disks += hardware.disc(image, settings)
    kernel, ramdisk, cmdline = _boot(image, settings)
    return DomainSpec(
        id=id_,
        name=f"instance-{id_}",
        title=instance.name,
        cloud=settings.cloud,
        type=settings.domain_type,
        datapath=settings.datapath,
        vcpus=instance.vcpus,
        ram=instance.ram,
        disks=tuple(disks),
        nics=tuple(nics),
        console_log=f"{folder}/{CONSOLE_LOG}",
        label=labels.instance(records, instance),
        kernel=kernel,
        ramdisk=ramdisk,
        cmdline=cmdline,
        machine=hardware.value(machine, "hw_machine_type"),
        firmware=machine.get("hw_firmware_type", "").removeprefix("bios"),
    )


def nic_of(port: Port, records: Records, settings: Settings) -> Nic:
    """The interface that a port is to its guest; its link is up where the port is."""
    network_id = port.network_id
    network = records.networks[network_id]
    guest = records.instances.get(port.device_id)
    return Nic(
        port_id=port.id,
        mac=port.mac,
        tap=port.interface,
        bridge=settings.bridge,
        vlan=records.vlans[network_id],
        mtu=network.mtu,
        link=port.admin_state_up and network.admin_state_up,
        model=hardware.value(guest.hardware if guest else {}, "hw_vif_model"),
    )


def _boot(image: Image | None, settings: Settings) -> tuple[str, str, str]:
    """Kernel, ramdisk and kernel arguments, for an image that names its kernel (`ami`).

    The arguments are the image's property `os_command_line`, as in Nova.
    """
    if image is None or not image.kernel_id:
        return "", "", ""
    ramdisk = str(settings.image(image.ramdisk_id)) if image.ramdisk_id else ""
    arguments = image.properties.get("os_command_line", _CMDLINE)
    return str(settings.image(image.kernel_id)), ramdisk, arguments
