"""What boots otherwise than a disk by its BIOS: a disc, a kernel with a ramdisk, UEFI firmware.

Each is given out again, and is the same byte by byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from backends.lab.disk import START
from backends.lab.image import KERNEL_ARGUMENTS, RAM, LabImage
from backends.lab.ramdisk import archive
from backends.records.image import Image
from backends.records.instance import Instance
from backends.services.instance import NewInstance
from tests.real.guest import BOOT, Guest
from tests.real.images.test_formats import same
from tests.real.lab import FLAVOR, Lab, run

_ISOLINUX = Path("/usr/lib/ISOLINUX/isolinux.bin")
_ISOLINUX_PART = Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
# UEFI firmware and a kernel that it unpacks need more than the lab's least.
_UEFI_RAM = 256


def boot(lab: Lab, image: Image, flavor: str = FLAVOR) -> tuple[Instance, Guest]:
    """An instance of the image, once its shell prompts."""
    instance = lab.cloud.instances.create(NewInstance(image.name, flavor, image.id, ()))
    guest = lab.look_at(instance)
    guest.wait_for(r"root@\S+:", deadline=BOOT)
    return instance, guest


def assert_given_back(lab: Lab, image: Image, source: Path, folder: Path) -> None:
    """Its content is what came, by its checksum, byte by byte, and by QEMU's own word."""
    lab.cloud.images.verify(image.id)
    saved = folder / f"saved-{image.disk_format}"
    lab.cloud.images.save(image.id, str(saved))
    assert saved.read_bytes() == source.read_bytes()
    same(saved, image.disk_format, source, image.disk_format)


def payload(folder: Path) -> tuple[Path, str]:
    """A file that is unlike all others, and its checksum."""
    path = folder / "cargo"
    path.write_bytes(os.urandom(1 << 20))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_kernel_a_ramdisk_and_a_file_system_boot_as_one(
    shared_lab: Lab, lab_image: LabImage, tmp_path: Path
) -> None:
    cloud = shared_lab.cloud
    tree, disk = tmp_path / "tree", tmp_path / "ami"
    tree.mkdir()
    _, sha256 = payload(tree)
    run("mke2fs", "-q", "-t", "ext4", "-d", tree, disk, "8M")
    sources = {"aki": lab_image.kernel, "ari": lab_image.ramdisk, "ami": disk}
    made: dict[str, Image] = {}
    for name, source in sources.items():
        parts = {} if name != "ami" else {"kernel": "aki", "ramdisk": "ari"}
        made[name] = cloud.images.create(
            name, str(source), disk_format=name, container_format=name, min_ram=RAM,
            properties={"os_command_line": KERNEL_ARGUMENTS} if parts else None, **parts,
        )  # fmt: skip
        assert_given_back(shared_lab, made[name], source, tmp_path)
    instance, guest = boot(shared_lab, made["ami"])
    assert sha256 in guest.run("mount -t ext4 -o ro /dev/vda /mnt && sha256sum /mnt/cargo")
    shared_lab.assert_in_order()
    cloud.instances.delete(instance.id)
    for name in reversed(sources):
        cloud.images.delete(name)


@pytest.mark.long
def test_a_disc_boots_and_is_read(shared_lab: Lab, lab_image: LabImage, tmp_path: Path) -> None:
    """Its own boot loader reads the kernel and the ramdisk off it, and a file that is in that."""
    cloud = shared_lab.cloud
    tree, disc = tmp_path / "tree", tmp_path / "disc"
    tree.mkdir()
    cargo, sha256 = payload(tmp_path)
    shutil.copy(_ISOLINUX, tree)
    shutil.copy(_ISOLINUX_PART, tree)
    shutil.copy(lab_image.kernel, tree / "vmlinuz")
    # The kernel unpacks archives that follow one another, the packed ones last.
    extra = archive({"srv/cargo": (0o100644, cargo.read_bytes())})
    (tree / "initrd").write_bytes(extra + lab_image.ramdisk.read_bytes())
    (tree / "isolinux.cfg").write_text(
        f"DEFAULT lab\nPROMPT 0\nLABEL lab\n  LINUX /vmlinuz\n  INITRD /initrd\n"
        f"  APPEND {KERNEL_ARGUMENTS}\n"
    )
    run(
        *("genisoimage", "-quiet", "-r", "-o", disc, "-b", "isolinux.bin", "-c", "boot.cat"),
        *("-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree),
    )
    image = cloud.images.create("disc", str(disc), disk_format="iso", min_ram=RAM)
    assert_given_back(shared_lab, image, disc, tmp_path)
    instance, guest = boot(shared_lab, image)
    assert sha256 in guest.run("sha256sum /srv/cargo")
    # Beside it, the empty disk that an installer would write to.
    assert guest.run("cat /sys/block/vda/size") == str(1 << 21)
    shared_lab.assert_in_order()
    cloud.instances.delete(instance.id)
    cloud.images.delete(image.id)


@pytest.mark.long
def test_a_disk_boots_by_uefi(shared_lab: Lab, lab_image: LabImage, tmp_path: Path) -> None:
    cloud = shared_lab.cloud
    cloud.flavors.create("m1.uefi", ram=_UEFI_RAM, vcpus=1, disk=1)
    disk, script = tmp_path / "disk", tmp_path / "startup.nsh"
    run("qemu-img", "convert", "-O", "raw", lab_image.disk, disk)
    partition = f"{disk}@@{START * 512}"
    # The firmware's shell starts what is named so; the kernel is a program of the firmware's too.
    script.write_text(f"fs0:\r\nlab.efi initrd=\\initrd {KERNEL_ARGUMENTS}\r\n")
    run("mren", "-i", partition, "::/vmlinuz", "::/lab.efi")
    run("mcopy", "-i", partition, script, "::/startup.nsh")
    properties = {"hw_firmware_type": "uefi", "hw_machine_type": "q35"}
    image = cloud.images.create("uefi", str(disk), disk_format="raw", properties=properties)
    assert_given_back(shared_lab, image, disk, tmp_path)
    instance, guest = boot(shared_lab, image, "m1.uefi")
    assert guest.run("ls -d /sys/firmware/efi") == "/sys/firmware/efi"
    shared_lab.assert_in_order()
    variables = Path("/var/lib/libvirt/qemu/nvram") / f"instance-{instance.id}_VARS.fd"
    assert variables.exists()
    cloud.instances.delete(instance.id)
    assert not variables.exists()
    cloud.images.delete(image.id)
