"""Images that are broken, or made to do harm: each written by code, with what it is refused for.

The classes of attack are those of the field: CVE-2022-47951 (VMDK descriptors), CVE-2024-32498
(qcow2 data files), CVE-2015-5162 (images that exhaust `qemu-img`), backing files since Nova's
beginnings, and polyglots that a checker and a user read differently.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
QCOW2_FEATURES = 72


@dataclass(frozen=True)
class Bad:
    """An image by what is wrong with it, what it is said to be, and the code it is refused with."""

    name: str
    claimed: str
    code: str
    write: Callable[[Path], None]


def qemu_img(*arguments: object) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def patch(path: Path, offset: int, data: bytes) -> None:
    """Overwrite; a negative offset is from the end."""
    with path.open("r+b") as file:
        file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
        file.write(data)


def made(form: str, *options: str) -> Callable[[Path], None]:
    """A good one, of 8 MiB, in QEMU's name for the format."""
    return lambda path: qemu_img("create", "-q", "-f", form, *options, path, "8M")


def converted(form: str, *options: str) -> Callable[[Path], None]:
    """A good one that holds something."""

    def work(path: Path) -> None:
        raw = path.with_name("content")
        raw.write_bytes(os.urandom(2 * MIB) + bytes(6 * MIB))
        qemu_img("convert", "-f", "raw", "-O", form, *options, raw, path)
        raw.unlink()

    return work


filled = converted("qcow2")


def patched(write: Callable[[Path], None], *changes: tuple[int, bytes]) -> Callable[[Path], None]:
    def work(path: Path) -> None:
        write(path)
        for offset, data in changes:
            patch(path, offset, data)

    return work


def cut(write: Callable[[Path], None], share: float) -> Callable[[Path], None]:
    def work(path: Path) -> None:
        write(path)
        os.truncate(path, int(path.stat().st_size * share))

    return work


def content(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def backed(name: str, form: str = "raw") -> Callable[[Path], None]:
    return lambda path: qemu_img(
        "create", "-q", "-u", "-f", "qcow2", "-b", name, "-F", form, path, "8M"
    )


def data_file(path: Path) -> None:
    other = path.with_name("data")
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={other}", path, "8M")
    other.unlink()


def vmdk_of(subformat: str) -> Callable[[Path], None]:
    def work(path: Path) -> None:
        made("vmdk", "-o", f"subformat={subformat}")(path)
        for other in path.parent.glob(f"{path.name}-*"):
            other.unlink()

    return work


def vmdk_text(old: bytes, new: bytes) -> Callable[[Path], None]:
    """A good VMDK whose descriptor says something else."""

    def work(path: Path) -> None:
        made("vmdk")(path)
        text = path.read_bytes()
        patch(path, text.index(old), new)

    return work


def child(form: str) -> Callable[[Path], None]:
    def work(path: Path) -> None:
        parent = path.with_name("parent")
        qemu_img("create", "-q", "-f", form, parent, "8M")
        qemu_img("create", "-q", "-f", form, "-b", parent, "-F", form, path)
        parent.unlink()

    return work


def vhdx_with_parent(path: Path) -> None:
    made("vhdx")(path)
    text = path.read_bytes()
    item = text.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"))
    table = text.rindex(b"metadata", 0, item)
    offset = table + int.from_bytes(text[item + 16 : item + 20], "little")
    patch(path, offset + 4, struct.pack("<I", 2))


def iso(head: bytes = b"") -> bytes:
    return head + bytes(0x8000 - len(head)) + b"\x01CD001" + bytes(MIB)


def l1_bomb(path: Path) -> None:
    """Every entry of the first table leads to the same second one."""
    filled(path)
    with path.open("rb") as file:
        header = file.read(104)
        (offset,) = struct.unpack(">Q", header[40:48])
        file.seek(offset)
        first = file.read(8)
    patch(path, offset, first * 2048)
    patch(path, 24, struct.pack(">Q", 1 << 40))
    patch(path, 36, struct.pack(">I", 2048))


_NESTED = b"QFI\xfb" + struct.pack(">IQI", 3, 512, 11)
_DESCRIPTOR = (
    b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\n'
    b'RW 16384 FLAT "/etc/shadow" 0\n'
)
_BACKING, _FORMAT, _CUT = "image.backing.refused", "image.format.mismatch", "image.truncated"
_CORRUPT, _LARGE, _PACKED = "image.corrupt", "image.too_large", "image.packed"

CORPUS = (
    # Other files of the host.
    Bad("qcow2 backed by a file", "qcow2", _BACKING, backed("/etc/shadow")),
    Bad("qcow2 backed by a path upwards", "qcow2", _BACKING, backed("../../../etc/shadow")),
    Bad("qcow2 backed by a device", "qcow2", _BACKING, backed("/dev/vda")),
    Bad("qcow2 backed by a server", "qcow2", _BACKING, backed("nbd://127.0.0.1/x")),
    Bad("qcow2 backed by a URL", "qcow2", _BACKING, backed("http://169.254.169.254/x")),
    Bad("qcow2 backed by JSON", "qcow2", _BACKING, backed('json:{"driver":"null-co"}')),
    Bad("qcow2 with an external data file", "qcow2", _BACKING, data_file),
    Bad(
        "qcow2 whose data is elsewhere by one bit", "qcow2", _BACKING,
        patched(filled, (QCOW2_FEATURES, struct.pack(">Q", 1 << 2))),
    ),
    Bad(
        "qcow2 with a backing name and no length", "qcow2", _BACKING,
        patched(filled, (8, struct.pack(">QI", 512, 0))),
    ),
    Bad("VMDK descriptor of the host's file", "vmdk", _BACKING, content(_DESCRIPTOR + bytes(512))),
    Bad("flat VMDK", "vmdk", _BACKING, vmdk_of("monolithicFlat")),
    Bad("split VMDK", "vmdk", _BACKING, vmdk_of("twoGbMaxExtentSparse")),
    Bad("split flat VMDK", "vmdk", _BACKING, vmdk_of("twoGbMaxExtentFlat")),
    Bad("VMDK with a parent", "vmdk", _BACKING, child("vmdk")),
    Bad(
        "VMDK with a flat extent inside", "vmdk", _BACKING,
        vmdk_text(b"RW 16384 SPARSE", b'RW 16384 FLAT "/etc/shadow" 0\n#'),
    ),
    Bad(
        "VMDK with a device as extent", "vmdk", _BACKING,
        vmdk_text(b"RW 16384 SPARSE", b'RW 16384 VMFSRDM "/dev/vda" 0\n#'),
    ),
    Bad(
        "VMDK with a parent's name", "vmdk", _BACKING,
        vmdk_text(b"# Extent description", b'parentFileNameHint="/x"'),
    ),
    Bad(
        "VMDK that is only a descriptor", "vmdk", _BACKING,
        patched(made("vmdk"), (12, struct.pack("<Q", 0))),
    ),
    Bad(
        "VMDK whose descriptor is far off", "vmdk", _BACKING,
        patched(made("vmdk"), (28, struct.pack("<Q", 4096))),
    ),
    Bad("ESX sparse extent", "vmdk", _BACKING, content(b"COWD" + bytes(4096))),
    Bad(
        "differential VDI", "vdi", _BACKING, patched(made("vdi"), (0x4C, struct.pack("<I", 4)))
    ),
    Bad("VDI with a parent", "vdi", _BACKING, patched(made("vdi"), (0x1B8, b"\x5a" * 16))),
    Bad(
        "differencing VHD", "vhd", _BACKING, patched(made("vpc"), (-512 + 60, struct.pack(">I", 4)))
    ),
    Bad(
        "VHD differencing at its head alone", "vhd", _BACKING,
        patched(made("vpc"), (60, struct.pack(">I", 4))),
    ),
    Bad("differencing VHDX", "vhdx", _BACKING, vhdx_with_parent),
    # Not what it is said to be, or two things at once.
    Bad("qcow2 said to be raw", "raw", _FORMAT, filled),
    Bad("qcow2 header at the head of a raw disk", "raw", _FORMAT, content(_NESTED + bytes(MIB))),
    Bad("the same as an ami", "ami", _FORMAT, content(_NESTED + bytes(MIB))),
    Bad("VMDK said to be raw", "raw", _FORMAT, made("vmdk")),
    Bad("raw said to be qcow2", "qcow2", _FORMAT, content(b"\xeb\x3c\x90" + bytes(MIB))),
    Bad("QED said to be qcow2", "qcow2", _FORMAT, made("qed")),
    Bad("text said to be a kernel", "aki", _FORMAT, content(b"#!/bin/sh\n" + bytes(1024))),
    Bad("a kernel said to be a ramdisk", "ari", _FORMAT, content(b"MZ" + bytes(4096))),
    Bad(
        "qcow2 that is a kernel too", "aki", _FORMAT,
        content(_NESTED + bytes(0x202 - len(_NESTED)) + b"HdrS" + bytes(512)),
    ),
    Bad("ISO that is a qcow2 too", "iso", "image.format.ambiguous", content(iso(_NESTED))),
    Bad(
        "qcow2 with a VHD's footer", "qcow2", "image.format.ambiguous",
        content(_NESTED + bytes(MIB) + b"conectix" + bytes(504)),
    ),
    Bad("raw with a VHD's footer", "raw", _FORMAT, content(bytes(MIB) + b"conectix" + bytes(504))),
    Bad("gzip said to be raw", "raw", _PACKED, content(gzip.compress(bytes(MIB)))),
    Bad("xz said to be raw", "raw", _PACKED, content(lzma.compress(bytes(MIB)))),
    Bad("bzip2 said to be qcow2", "qcow2", _PACKED, content(bz2.compress(bytes(MIB)))),
    Bad("zip said to be an ami", "ami", _PACKED, content(b"PK\3\4" + bytes(1024))),
    Bad("LUKS said to be raw", "raw", "image.encrypted", content(b"LUKS\xba\xbe" + bytes(4096))),
    Bad(
        "encrypted qcow2", "qcow2", "image.encrypted", patched(filled, (32, struct.pack(">I", 1)))
    ),
    # Broken.
    Bad("empty file", "raw", "image.empty", content(b"")),
    Bad("qcow2 of a header's half", "qcow2", _CUT, content(b"QFI\xfb" + bytes(20))),
    Bad("qcow2 cut within its tables", "qcow2", _CUT, cut(filled, 0.02)),
    Bad("qcow2 cut within its data", "qcow2", _CUT, cut(filled, 0.5)),
    Bad("VDI cut off", "vdi", _CUT, cut(converted("vdi"), 0.6)),
    Bad("VHD cut off", "vhd", _CUT, cut(converted("vpc", "-o", "force_size=on"), 0.6)),
    Bad("VHDX cut off", "vhdx", _CORRUPT, cut(converted("vhdx"), 0.6)),
    Bad("VMDK cut off", "vmdk", _CORRUPT, cut(converted("vmdk"), 0.6)),
    Bad(
        "packed VMDK cut off", "vmdk", _CORRUPT,
        cut(converted("vmdk", "-o", "subformat=streamOptimized"), 0.6),
    ),
    Bad("VHDX without regions", "vhdx", _CORRUPT, content(b"vhdxfile" + bytes(MIB))),
    Bad("VMDK of a header's half", "vmdk", _CORRUPT, content(b"KDMV" + bytes(16))),
    Bad("qcow2 of version 9", "qcow2", _CORRUPT, patched(filled, (4, struct.pack(">I", 9)))),
    Bad(
        "qcow2 with unknown features", "qcow2", _CORRUPT,
        patched(filled, (QCOW2_FEATURES, struct.pack(">Q", 1 << 40))),
    ),
    Bad(
        "qcow2 that says it is corrupt", "qcow2", _CORRUPT,
        patched(filled, (QCOW2_FEATURES, struct.pack(">Q", 1 << 1))),
    ),
    Bad("qcow2 of no clusters", "qcow2", _CORRUPT, patched(filled, (20, struct.pack(">I", 0)))),
    Bad("qcow2 of huge clusters", "qcow2", _CORRUPT, patched(filled, (20, struct.pack(">I", 60)))),
    Bad(
        "qcow2 of snapshots without end", "qcow2", _CORRUPT,
        patched(filled, (60, struct.pack(">I", 0xFFFFFFFF))),
    ),
    Bad("qcow2 whose tables share", "qcow2", _CORRUPT, l1_bomb),
    # Too large.
    Bad("qcow2 of 65 TiB", "qcow2", _LARGE, lambda p: qemu_img(
        "create", "-q", "-f", "qcow2", p, "65T")),
    Bad(
        "qcow2 of 4 EiB", "qcow2", _LARGE, patched(filled, (24, struct.pack(">Q", 1 << 62)))
    ),
    Bad(
        "qcow2 with a first table of 32 GiB", "qcow2", _LARGE,
        patched(filled, (36, struct.pack(">I", 0xFFFFFFFF))),
    ),
    Bad(
        "VDI of 1 EiB", "vdi", _LARGE, patched(made("vdi"), (0x170, struct.pack("<Q", 1 << 60)))
    ),
    Bad(
        "VMDK of 4 ZiB", "vmdk", _LARGE, patched(made("vmdk"), (12, struct.pack("<Q", 1 << 63)))
    ),
)  # fmt: skip
