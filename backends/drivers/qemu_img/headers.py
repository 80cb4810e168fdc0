"""What an image's own header says that must not be believed, or done. Pure but for reading it.

The checks are ours, before QEMU reads the file: a header can name files of this machine (backing
files, extents), and sizes that exhaust it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from backends.drivers.qemu_img import vmdk
from backends.drivers.qemu_img.refusals import (
    backing,
    check_virtual_size,
    corrupt,
    locked,
    too_large,
    truncated,
)

# Gives so many bytes from an offset of the file, fewer at its end.
Reader = Callable[[int, int], bytes]

# docs/interop/qcow2.txt: magic, version, backing offset and size, cluster bits, size, encryption,
# L1 entries and offset, refcount table offset and clusters, snapshots and their offset.
_QCOW2 = struct.Struct(">4sIQIIQIIQQIIQ")
_QCOW2_FEATURES = 72
_CORRUPT = 1 << 1
_EXTERNAL_DATA = 1 << 2
# Dirty, corrupt, external data, compression type, extended L2 entries.
_KNOWN_FEATURES = 0b11111
# QEMU's own bounds.
_CLUSTER_BITS = range(9, 22)
_L1_LARGEST = 32 << 20
_SNAPSHOTS_MOST = 1 << 16

# VirtualBox's VDICore.h: the image's type, the links to the image before it, the disk's size.
_VDI_TYPE = 0x4C
_VDI_DIFFERENTIAL = 4
_VDI_LINKS = (0x1A8, 0x1C8)
_VDI_SIZE = 0x170
# Where the data begins, a block's size, how many there are.
_VDI_DATA = (0x158, 0x178, 0x184)

# "Virtual Hard Disk Image Format Specification", Microsoft 2006.
_VHD = b"conectix"
_VHD_TYPE = 60
_VHD_SIZE = 48
_VHD_DIFFERENCING = 4

# [MS-VHDX]: the region table's place, the metadata region, a parent's locator.
_VHDX_REGIONS = (192 << 10, 256 << 10)
_VHDX_METADATA = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
_VHDX_PARENT = bytes.fromhex("2d5fd3a80bb34d45abf7d3d84834ab0c")
_VHDX_FILE = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
_VHDX_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
_VHDX_TABLE = 64 << 10
_HAS_PARENT = 1 << 1


def check(name: str, head: bytes, tail: bytes, size: int, read: Reader) -> None:
    """Refuse a header of format `name` that names other files, or lies about the file's `size`.

    Raises Refused `image.backing.refused`, `image.truncated`, `image.corrupt`, `image.too_large`,
    `image.encrypted`.
    """
    if name == "qcow2":
        _check_qcow2(head, size)
    elif name == "vmdk":
        vmdk.check(head, read)
    elif name == "vdi":
        _check_vdi(head, size)
    elif name == "vhd":
        _check_vhd(head, tail)
    elif name == "vhdx":
        _check_vhdx(size, read)


def _check_qcow2(head: bytes, size: int) -> None:
    if len(head) < _QCOW2.size:
        raise truncated("header")
    (
        _magic,
        version,
        backing_offset,
        backing_size,
        cluster_bits,
        virtual_size,
        encryption,
        l1_entries,
        l1_offset,
        refcount_offset,
        refcount_clusters,
        snapshots,
        _snapshots_offset,
    ) = _QCOW2.unpack_from(head)
    if version not in (2, 3):
        raise corrupt(f"qcow2 version {version}")
    if backing_offset or backing_size:
        raise backing("a backing file")
    if version == 3:
        features = int.from_bytes(head[_QCOW2_FEATURES : _QCOW2_FEATURES + 8], "big")
        if features & _EXTERNAL_DATA:
            raise backing("an external data file")
        if features & _CORRUPT or features & ~_KNOWN_FEATURES:
            raise corrupt("it says so itself, or has features that nobody knows")
    if encryption:
        raise locked("qcow2")
    if cluster_bits not in _CLUSTER_BITS:
        raise corrupt(f"clusters of 2^{cluster_bits} bytes")
    if snapshots > _SNAPSHOTS_MOST:
        raise corrupt(f"{snapshots} snapshots inside")
    check_virtual_size(virtual_size)
    if l1_entries * 8 > _L1_LARGEST:
        raise too_large("the image's first table is larger than QEMU takes")
    # The table is there as far as it goes; only the last cluster of a file may be cut short.
    if l1_offset + l1_entries * 8 > size:
        raise truncated("L1 table")
    if refcount_offset + ((refcount_clusters - 1) << cluster_bits) > size:
        raise truncated("refcount table")


def _check_vdi(head: bytes, size: int) -> None:
    if len(head) < _VDI_LINKS[1]:
        raise truncated("header")
    kind = int.from_bytes(head[_VDI_TYPE : _VDI_TYPE + 4], "little")
    if kind == _VDI_DIFFERENTIAL:
        raise backing("a differential VDI")
    if any(head[slice(*_VDI_LINKS)]):
        raise backing("a VDI with a parent")
    check_virtual_size(int.from_bytes(head[_VDI_SIZE : _VDI_SIZE + 8], "little"))
    data, block, blocks = (int.from_bytes(head[at : at + 4], "little") for at in _VDI_DATA)
    if data + block * blocks > size:
        raise truncated("header")


def _check_vhd(head: bytes, tail: bytes) -> None:
    # A dynamic one has its footer at both ends, and which is read is up to the reader.
    for footer in (head, tail):
        if not footer.startswith(_VHD):
            continue
        if int.from_bytes(footer[_VHD_TYPE : _VHD_TYPE + 4], "big") == _VHD_DIFFERENCING:
            raise backing("a differencing VHD")
        check_virtual_size(int.from_bytes(footer[_VHD_SIZE : _VHD_SIZE + 8], "big"))
    if not tail.startswith(_VHD):
        raise truncated("header")


def _check_vhdx(size: int, read: Reader) -> None:
    for place in _VHDX_REGIONS:
        regions = read(place, _VHDX_TABLE)
        at = regions.find(_VHDX_METADATA)
        if at < 0:
            continue
        offset = int.from_bytes(regions[at + 16 : at + 24], "little")
        if offset >= size:
            raise truncated("metadata")
        _check_vhdx_metadata(offset, read)


def _check_vhdx_metadata(offset: int, read: Reader) -> None:
    table = read(offset, _VHDX_TABLE)
    if _VHDX_PARENT in table:
        raise backing("a differencing VHDX")
    flags = _vhdx_item(_VHDX_FILE, table, offset, read, 8)
    if int.from_bytes(flags[4:8], "little") & _HAS_PARENT:
        raise backing("a differencing VHDX")
    if size := _vhdx_item(_VHDX_SIZE, table, offset, read, 8):
        check_virtual_size(int.from_bytes(size, "little"))


def _vhdx_item(which: bytes, table: bytes, offset: int, read: Reader, length: int) -> bytes:
    at = table.find(which)
    if at < 0:
        return b""
    return read(offset + int.from_bytes(table[at + 16 : at + 20], "little"), length)
