"""Writing a disk anew in another format, within bounds and with progress."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from backends.drivers.qemu_img.formats import QEMU_NAMES
from backends.drivers.qemu_img.sandbox import Sandbox, Watcher, lent
from backends.drivers.step import Progress
from backends.errors import MachineFailed, Refused
from backends.hosts import Output

# What can be written. An ISO or a kernel is what it is.
TARGETS = ("qcow2", "raw", "vdi", "vhd", "vhdx", "vmdk")
_OPTIONS = {"vhd": ("-o", "force_size=on")}
_SECONDS = 6 * 3600.0
_CPU = 3600
_MEMORY = 4 << 30
# What must stay free on the file system, in bytes.
_RESERVE = 1 << 30
_PERCENT = re.compile(r"\((\d+(?:\.\d+)?)/100%\)")
_FULL = "No space left on device"


def convert(source: Path, claimed: str, target: Path, to: str, progress: Progress) -> None:
    """Write the disk in `source` to the file `target`, which is there and empty.

    Formats in Glance's words. Raises Refused `image.expands`, `image.format.target`; MachineFailed
    `image.convert.failed`, `disk.full`; what `progress` raises.
    """
    if to not in TARGETS:
        known = ", ".join(TARGETS)
        raise Refused("image.format.target", f"nothing is converted to {to[:40]!r}: {known}")
    with lent(source, write=target) as sandbox:
        needed, largest = _measure(sandbox, QEMU_NAMES[claimed])
        free = shutil.disk_usage(target.parent).free
        if needed > free - _RESERVE:
            raise Refused(
                "image.expands",
                f"the image would take {_gib(needed)} GiB, and {_gib(max(0, free - _RESERVE))} are"
                " free; make space first",
            )
        done = sandbox.run(
            "qemu-img", "convert", "-p", "-f", QEMU_NAMES[claimed], "-O", QEMU_NAMES[to],
            *_OPTIONS.get(to, ()), sandbox.name(0), sandbox.name(1),
            seconds=_SECONDS, cpu=_CPU, memory=_MEMORY, file_size=largest, watcher=watch(progress),
        )  # fmt: skip
    check(done, "convert")


def watch(progress: Progress) -> Watcher:
    """What reads the share that `qemu-img -p` prints."""

    def look(printed: str) -> None:
        shares = _PERCENT.findall(printed[-64:])
        progress(float(shares[-1]) / 100 if shares else 0.0)

    return look


def check(done: Output, what: str) -> None:
    """Raises MachineFailed `disk.full`, `image.<what>.failed` where it did not work."""
    if done.status == 0:
        return
    if _FULL in done.stderr:
        raise MachineFailed("disk.full", "no space left (qemu-img); free some and try again")
    lines = done.stderr.strip().splitlines() or [f"status {done.status}"]
    raise MachineFailed(f"image.{what}.failed", f"qemu-img {what}: {lines[-1].split(': ')[-1]}")


def _measure(sandbox: Sandbox, name: str) -> tuple[int, int]:
    """How many bytes the disk takes once it is unpacked, and at what length a file has an end."""
    done = sandbox.run(
        "qemu-img", "measure", "--output=json", "-O", "qcow2", "-f", name, sandbox.name(),
        seconds=_SECONDS, cpu=_CPU, memory=_MEMORY,
    )  # fmt: skip
    check(done, "measure")
    found = json.loads(done.stdout)
    largest = int(found["fully-allocated"])
    return int(found["required"]), largest + largest // 64 + (64 << 20)


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f}"
