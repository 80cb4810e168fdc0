"""Disk formats told by their content. Pure.

Magic numbers: QEMU's docs/interop/qcow2.txt, block/vdi.c, block/vmdk.c; the VHD and VHDX
specifications; ECMA-119 for ISO 9660; Linux's Documentation/arch/x86/boot.rst for kernels.
"""

from __future__ import annotations

# Bytes from a file's beginning, and before its end, that telling needs.
HEAD = 64 * 1024
TAIL = 512

# Glance's names for formats, and what QEMU calls them.
QEMU_NAMES = {
    "raw": "raw",
    "qcow2": "qcow2",
    "vdi": "vdi",
    "vhd": "vpc",
    "vhdx": "vhdx",
    "vmdk": "vmdk",
    "iso": "raw",
    "ami": "raw",
    "aki": "raw",
    "ari": "raw",
}
# What QEMU reads as it is: nothing in such a file can name another one.
PLAIN = frozenset(("raw", "iso", "ami", "aki", "ari"))

_AT_START = (
    (b"QFI\xfb", "qcow2"),
    (b"vhdxfile", "vhdx"),
    (b"conectix", "vhd"),
    (b"KDMV", "vmdk"),
    (b"COWD", "vmdk"),
    (b"# Disk DescriptorFile", "vmdk"),
    (b"QED\0", "qed"),
    (b"WithoutFreeSpace", "parallels"),
    (b"WithouFreSpacExt", "parallels"),
)
_VDI_MAGIC = (0x40, b"\x7f\x10\xda\xbe")
_ISO_MAGIC = (0x8001, b"CD001")
_VHD_FOOTER = b"conectix"
_KERNELS = ((0x202, b"HdrS"), (0, b"\x7fELF"), (0, b"MZ"))
_RAMDISKS = (
    b"\x1f\x8b",  # gzip
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\x02\x21\x4c\x18",  # lz4, as the kernel has it
    b"BZh",
    b"]\0\0",  # lzma
    b"070701",  # cpio, "newc"
    b"070702",
)


def tell(head: bytes, tail: bytes) -> str:
    """The disk format by content; `raw` is what shows no sign of another."""
    for magic, name in _AT_START:
        if head.startswith(magic):
            return name
    if _at(head, *_VDI_MAGIC):
        return "vdi"
    if tail.startswith(_VHD_FOOTER):
        return "vhd"
    if _at(head, *_ISO_MAGIC):
        return "iso"
    return "raw"


def agrees(claimed: str, head: bytes, tail: bytes) -> bool:
    """Whether a file can be what it is said to be."""
    found = tell(head, tail)
    if claimed == "aki":
        return any(_at(head, offset, magic) for offset, magic in _KERNELS)
    if claimed == "ari":
        return head.startswith(_RAMDISKS)
    if claimed in ("raw", "ami"):
        # An ISO 9660 image is a disk's raw content too (hybrid images are both).
        return found in ("raw", "iso")
    return found == claimed


def _at(head: bytes, offset: int, magic: bytes) -> bool:
    return head[offset : offset + len(magic)] == magic
