"""What an image's own header says that must not be believed, or done. Pure.

The checks are ours, before QEMU reads the file: a header can name files of this machine (backing
files, extents), and sizes that exhaust it.
"""

from __future__ import annotations

import re
import struct

from backends.errors import Refused

# The largest disk that an image may have, in bytes.
LARGEST = 64 << 40

# docs/interop/qcow2.txt: magic, version, backing offset and size, cluster bits, size, encryption,
# L1 entries and offset, refcount table offset and clusters, snapshots and their offset.
_QCOW2 = struct.Struct(">4sIQIIQIIQQIIQ")
_QCOW2_FEATURES = 72
_EXTERNAL_DATA = 1 << 2
# QEMU's own bounds.
_CLUSTER_BITS = range(9, 22)
_L1_LARGEST = 32 << 20

_VDI_TYPE = 0x4C
_VDI_DIFFERENTIAL = 4
_VHD_TYPE = 60
_VHD_DIFFERENCING = 4

_VMDK_EXTENT = re.compile(rb"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)", re.MULTILINE)
_VMDK_PARENT = re.compile(rb"^\s*parentCID\s*=\s*(\w+)", re.MULTILINE)
_VMDK_TYPE = re.compile(rb'^\s*createType\s*=\s*"(\w+)"', re.MULTILINE)
_VMDK_WHOLE = (b"monolithicSparse", b"streamOptimized")


def check(name: str, head: bytes, tail: bytes, size: int) -> None:
    """Refuse a header of format `name` that names other files, or lies about the file's `size`.

    Raises Refused `image.backing.refused`, `image.truncated`, `image.corrupt`, `image.too_large`.
    """
    if name == "qcow2":
        _check_qcow2(head, size)
    elif name == "vmdk":
        _check_vmdk(head)
    elif name == "vdi":
        kind = int.from_bytes(head[_VDI_TYPE : _VDI_TYPE + 4], "little")
        if kind == _VDI_DIFFERENTIAL:
            raise backing("a differential VDI")
    elif name == "vhd":
        footer = tail if tail.startswith(b"conectix") else head
        if int.from_bytes(footer[_VHD_TYPE : _VHD_TYPE + 4], "big") == _VHD_DIFFERENCING:
            raise backing("a differencing VHD")


def check_virtual_size(size: int) -> None:
    """Raises Refused `image.too_large`."""
    if size > LARGEST:
        raise Refused(
            "image.too_large",
            f"the image claims a disk of {size} bytes; at most {LARGEST >> 40} TiB are taken",
        )


def backing(what: str) -> Refused:
    """The refusal of an image that is not whole by itself."""
    return Refused(
        "image.backing.refused",
        f"the image needs another file ({what}); convert it to one that stands alone "
        "(qemu-img convert)",
    )


def truncated(what: str) -> Refused:
    """The refusal of an image whose end is missing."""
    return Refused(
        "image.truncated",
        f"the image is shorter than its own {what} says; fetch it again",
    )


def corrupt(what: str) -> Refused:
    """The refusal of an image that contradicts itself."""
    return Refused("image.corrupt", f"the image is damaged ({what}); fetch it again")


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
        _encryption,
        l1_entries,
        l1_offset,
        refcount_offset,
        refcount_clusters,
        _snapshots,
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
    if cluster_bits not in _CLUSTER_BITS:
        raise corrupt(f"clusters of 2^{cluster_bits} bytes")
    check_virtual_size(virtual_size)
    if l1_entries * 8 > _L1_LARGEST:
        raise Refused("image.too_large", "the image's first table is larger than QEMU takes")
    # The table is there as far as it goes; only the last cluster of a file may be cut short.
    if l1_offset + l1_entries * 8 > size:
        raise truncated("L1 table")
    if refcount_offset + ((refcount_clusters - 1) << cluster_bits) > size:
        raise truncated("refcount table")


def _check_vmdk(head: bytes) -> None:
    if head.startswith(b"# Disk DescriptorFile"):
        raise backing("a VMDK descriptor, whose extents are other files")
    if head.startswith(b"COWD"):
        raise backing("an ESX sparse extent, which has no descriptor")
    for extent in _VMDK_EXTENT.findall(head):
        if extent != b"SPARSE":
            raise backing(f"a VMDK extent of type {extent.decode('ascii', 'replace')}")
    parent = _VMDK_PARENT.search(head)
    if parent is not None and parent[1].lower() != b"ffffffff":
        raise backing("a parent VMDK")
    kind = _VMDK_TYPE.search(head)
    if kind is None or kind[1] not in _VMDK_WHOLE:
        raise backing("a VMDK that is not one whole sparse file")
