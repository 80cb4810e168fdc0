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

# What other systems' disks are in: read once, and never stood on.
FOREIGN = frozenset(("vdi", "vhd", "vhdx", "vmdk"))

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


# What is packed: nobody's disk, though any file can be said to be raw.
_PACKED = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"PK\3\4", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"Rar!\x1a\x07", "rar"),
)
# Disks whose content takes a key that nobody here has.
_LOCKED = (b"LUKS\xba\xbe", "luks")


def signs(head: bytes, tail: bytes) -> tuple[str, ...]:
    """Every disk format that a file shows the sign of; none is raw."""
    found = [name for magic, name in _AT_START if head.startswith(magic)]
    if _at(head, *_VDI_MAGIC):
        found.append("vdi")
    if tail.startswith(_VHD_FOOTER) and "vhd" not in found:
        found.append("vhd")
    if _at(head, *_ISO_MAGIC):
        found.append("iso")
    if head.startswith(_LOCKED[0]):
        found.append(_LOCKED[1])
    return tuple(dict.fromkeys(found))


def tell(head: bytes, tail: bytes) -> str:
    """The disk format by content; `raw` is what shows no sign of another."""
    return next(iter(signs(head, tail)), "raw")


def packed(head: bytes) -> str:
    """What the file was packed by; empty for one that was not."""
    return next((name for magic, name in _PACKED if head.startswith(magic)), "")


def agrees(claimed: str, head: bytes, tail: bytes) -> bool:
    """Whether a file can be what it is said to be, and nothing else as well.

    What is two things is read as one by whoever checks it, and as the other by whoever uses it.
    """
    found = signs(head, tail)
    if claimed == "aki":
        return not found and any(_at(head, offset, magic) for offset, magic in _KERNELS)
    if claimed == "ari":
        return not found and head.startswith(_RAMDISKS)
    if claimed in ("raw", "ami"):
        # An ISO 9660 image is a disk's raw content too (hybrid images are both).
        return found in ((), ("iso",))
    return found == (claimed,)


def _at(head: bytes, offset: int, magic: bytes) -> bool:
    return head[offset : offset + len(magic)] == magic
