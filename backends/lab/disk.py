"""A bootable disk: an MBR, one FAT partition with SYSLINUX, kernel and ramdisk, as a qcow2 file.

Plain files and no privilege: mtools writes into the partition, nothing is mounted.
"""

from __future__ import annotations

import struct
from pathlib import Path

from backends.lab.packages import run

SECTOR = 512  # bytes
START = 2048  # first sector of the partition
SPARE = 4 * 2**20  # bytes left free in the partition: its tables, and the guest's host key
MBR_CODE = Path("/usr/lib/SYSLINUX/mbr.bin")
LABEL = "LAB"  # the guest finds its boot partition by it
_FAT16_LBA = 0x0E
_BOOTABLE = 0x80

_CONFIG = """\
DEFAULT lab
PROMPT 0
TIMEOUT 0
LABEL lab
  LINUX /vmlinuz
  INITRD /initrd
  APPEND {arguments}
"""


def boot_record(code: bytes, sectors: int) -> bytes:
    """The first sector: boot code and a table of one active FAT partition of `sectors` sectors.

    CHS fields hold their "beyond the limit" value, as the code reads by LBA.
    """
    beyond = b"\xfe\xff\xff"
    entry = struct.pack("<B3sB3sII", _BOOTABLE, beyond, _FAT16_LBA, beyond, START, sectors)
    return code[:440].ljust(446, b"\0") + entry + bytes(48) + b"\x55\xaa"


def write_disk(kernel: Path, ramdisk: Path, arguments: str, path: Path) -> None:
    """Write the qcow2 `path` that boots `kernel` and `ramdisk` with the kernel's `arguments`."""
    size = kernel.stat().st_size + ramdisk.stat().st_size + SPARE
    size += -size % 2**20
    raw, config = path.with_suffix(".raw"), path.with_suffix(".cfg")
    config.write_text(_CONFIG.format(arguments=arguments))
    with raw.open("wb") as file:
        file.write(boot_record(MBR_CODE.read_bytes(), size // SECTOR))
        file.truncate(START * SECTOR + size)
    partition = f"{raw}@@{START * SECTOR}"
    geometry = ["-h", "255", "-s", "63", "-H", str(START), "-T", str(size // SECTOR)]
    run(["mformat", "-i", partition, *geometry, "-v", LABEL, "::"])
    run(["syslinux", "--install", "--offset", str(START * SECTOR), str(raw)])
    for source, name in ((config, "syslinux.cfg"), (kernel, "vmlinuz"), (ramdisk, "initrd")):
        run(["mcopy", "-i", partition, str(source), f"::/{name}"])
    run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(path)])
    raw.unlink()
    config.unlink()
