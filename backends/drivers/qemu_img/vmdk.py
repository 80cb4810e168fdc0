"""What a VMDK may say of itself: one whole sparse file, and nothing of any other.

"Virtual Disk Format 1.1", VMware; QEMU's block/vmdk.c for how a descriptor is found.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from backends.drivers.qemu_img.refusals import backing, check_virtual_size, corrupt

# magic, version, flags, capacity, grain size, descriptor offset and size: all in sectors.
_HEADER = struct.Struct("<4sIIQQQQ")
_SECTOR = 512
_DESCRIPTOR_LARGEST = 20 * _SECTOR
_EXTENT = re.compile(rb"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)", re.MULTILINE)
_PARENT = re.compile(rb"^\s*parentCID\s*=\s*(\w+)", re.MULTILINE)
_HINT = b"parentFileNameHint"
_TYPE = re.compile(rb'^\s*createType\s*=\s*"(\w+)"', re.MULTILINE)
_WHOLE = (b"monolithicSparse", b"streamOptimized")


def check(head: bytes, read: Callable[[int, int], bytes]) -> None:
    """Raises Refused `image.backing.refused`, `image.corrupt`, `image.too_large`."""
    if head.startswith(b"# Disk DescriptorFile"):
        raise backing("a VMDK descriptor, whose extents are other files")
    if head.startswith(b"COWD"):
        raise backing("an ESX sparse extent, which has no descriptor")
    if len(head) < _HEADER.size:
        raise corrupt("its header is cut off")
    _magic, _version, _flags, capacity, _grain, place, length = _HEADER.unpack_from(head)
    if capacity == 0:
        # QEMU then takes what is embedded for a descriptor file, extents of other files and all.
        raise backing("a VMDK that is only a descriptor")
    check_virtual_size(capacity * _SECTOR)
    if not place or not 0 < length * _SECTOR <= _DESCRIPTOR_LARGEST:
        raise backing("a VMDK without a descriptor of its own")
    # What QEMU reads, and what an honest writer left elsewhere in the first bytes.
    for text in (read(place * _SECTOR, _DESCRIPTOR_LARGEST), head):
        _check_descriptor(text)


def _check_descriptor(text: bytes) -> None:
    for extent in _EXTENT.findall(text):
        if extent != b"SPARSE":
            raise backing(f"a VMDK extent of type {extent.decode('ascii', 'replace')}")
    parent = _PARENT.search(text)
    if _HINT in text or (parent is not None and parent[1].lower() != b"ffffffff"):
        raise backing("a parent VMDK")
    kind = _TYPE.search(text)
    if kind is None or kind[1] not in _WHOLE:
        raise backing("a VMDK that is not one whole sparse file")
