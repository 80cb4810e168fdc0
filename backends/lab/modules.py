"""Kernel modules: where they are, what they need, in which order they load."""

from __future__ import annotations

import lzma
import re
from pathlib import Path

from backends.errors import MachineFailed
from backends.lab.packages import run

# Disks, networks, random numbers, memory statistics, config drives and the power button. What a
# kernel has built in is found in its list and needs no file. Hot plug is built in everywhere.
WANTED = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "virtio_balloon",
    "evdev",
    "button",
    "isofs",
    "vfat",
    "nls_cp437",
    "nls_ascii",
)


def module_name(path: str) -> str:
    """The kernel's name of a module's file: `virtio-rng.ko.zst` is `virtio_rng`."""
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def needs(code: bytes) -> list[str]:
    """Names in the `depends=` entry of a module's .modinfo section."""
    found = re.search(rb"\0depends=([^\0]*)\0", code)
    return (
        [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []
    )


def read_module(path: Path) -> bytes:
    """A module's code, decompressed by its suffix (Debian: none or xz, Ubuntu: zst)."""
    if path.suffix == ".zst":
        plain = path.with_suffix("")
        run(["zstd", "-dqf", str(path), "-o", str(plain)])
        return plain.read_bytes()
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def load_order(tree: Path, wanted: tuple[str, ...] = WANTED) -> dict[str, bytes]:
    """Code of the wanted modules under `tree` and of all they need, in the order of loading.

    Raises MachineFailed (`lab.module`) when one is neither a file nor built into the kernel.
    """
    files = {module_name(path.name): path for path in sorted(tree.rglob("*.ko*"))}
    builtin = {
        module_name(line)
        for listing in tree.rglob("modules.builtin")
        for line in listing.read_text().splitlines()
    }
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in order or name in builtin:
            return
        if name not in files:
            raise MachineFailed("lab.module", f"the kernel package has no module {name}")
        code = read_module(files[name])
        for needed in needs(code):
            add(needed)
        order[name] = code

    for name in wanted:
        add(name)
    return order
