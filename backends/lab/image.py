"""Build the guest image `lab`, once for each set of inputs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backends.lab import packages
from backends.lab.disk import write_disk
from backends.lab.modules import WANTED, load_order
from backends.lab.ramdisk import guest_files, write_ramdisk

# Debian packages that the builder needs on this machine (Ubuntu has the same names).
PACKAGES = (
    "apt",
    "busybox-static",
    "dropbear-bin",
    "mtools",
    "qemu-utils",
    "syslinux",
    "zstd",
)
# Arguments of the kernel: both consoles, the serial line as the system's own; no self-tests of
# ciphers (a quarter of a second), and a fixed load address, which small guests need to fit.
# no_timer_check: on a busy machine an emulated timer comes too late for the kernel's test of it.
KERNEL_ARGUMENTS = "console=tty0 console=ttyS0 quiet nokaslr cryptomgr.notests no_timer_check"
# Least memory, in MiB, that a guest of one CPU boots and works with. The kernel alone reaches up
# to 68 MiB while it unpacks itself.
RAM = 96
# The program of QEMU's guest agent, and what gives it its port.
AGENT = "qemu-ga"
AGENT_MODULES = ("virtio_console",)
_VERSION = 1  # of this builder: a change of what it makes from equal inputs needs a new number

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class LabImage:
    """The built files. `disk` boots by itself; `kernel` and `ramdisk` boot without it.

    `fingerprint` names the inputs: equal fingerprints, equal images.
    """

    kernel: Path
    ramdisk: Path
    disk: Path
    fingerprint: str


def build(
    directory: Path,
    progress: Progress | None = None,
    *,
    modules: tuple[str, ...] = WANTED,
    agent: bool = False,
) -> LabImage:
    """Give the lab image for this machine's packages, built below `directory` if not yet there.

    `modules` are those of the kernel that it loads, beside what they need. With `agent` QEMU's
    guest agent is in it, which makes it slower to boot.

    `progress` hears what is done and the part of the whole that is behind, 0 to 1. Safe in several
    processes at once: one builds, the others wait for it. Raises MachineFailed (`lab.*`).
    """
    tell = progress or (lambda _step, _part: None)
    record = packages.kernel_record()
    modules = (*modules, *(AGENT_MODULES if agent else ()))
    fingerprint = _fingerprint(record, modules, packages.agent_record() if agent else "")
    image = _image(directory / fingerprint, fingerprint)
    if not image.disk.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with _lock(directory / "lock"):
            if not image.disk.exists():
                _build(image, record, modules, agent, tell)
    tell("lab image ready", 1.0)
    return image


def _image(place: Path, fingerprint: str) -> LabImage:
    return LabImage(place / "vmlinuz", place / "initrd", place / "lab.qcow2", fingerprint)


def _fingerprint(record: str, modules: tuple[str, ...], agent: str) -> str:
    digest = hashlib.sha256(f"{_VERSION}\n{KERNEL_ARGUMENTS}\n{modules}\n".encode())
    for name in ("Package", "Version", "Depends"):
        digest.update(f"{packages.field(record, name)}\n".encode())
    digest.update(packages.field(agent, "Version").encode())
    for name, version in packages.installed(PACKAGES).items():
        digest.update(f"{name} {version}\n".encode())
    for name, content in guest_files().items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _build(
    image: LabImage, record: str, modules: tuple[str, ...], agent: bool, tell: Progress
) -> None:
    """Make the image's directory beside its final place, then rename it there in one step."""
    final = image.disk.parent
    for stale in final.parent.glob("building-*"):  # of a process that was killed: we hold the lock
        shutil.rmtree(stale)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=final.parent))
    try:
        tell("fetching the guest's kernel", 0.0)
        packages.unpack_kernel(record, work / "kernel")
        if agent:
            packages.unpack((packages.AGENT,), work / "agent")
        made = _image(work / "made", image.fingerprint)
        made.disk.parent.mkdir()
        tell("packing the guest's files", 0.4)
        shutil.copyfile(next((work / "kernel").glob("root/boot/vmlinuz-*")), made.kernel)
        more = sorted(work.glob(f"agent/root/usr/sbin/{AGENT}"))
        write_ramdisk(load_order(work / "kernel" / "root", modules), made.ramdisk, more)
        tell("writing the bootable disk", 0.8)
        write_disk(made.kernel, made.ramdisk, KERNEL_ARGUMENTS, made.disk)
        made.disk.parent.rename(final)
    finally:
        shutil.rmtree(work)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
