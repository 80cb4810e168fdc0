"""Whether a file is the image that it is said to be, whole, and safe to give to QEMU."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.drivers.qemu_img import formats, headers
from backends.errors import MachineFailed, Refused
from backends.hosts import Host, Output

# What an untrusted image may cost: OpenStack's limits for `qemu-img info` (oslo.utils).
_LIMITS = ("prlimit", f"--as={1 << 30}", "--cpu=30", "--")
_INFO_SECONDS = 40.0
# Reading the tables of a large image takes a while; CPU time alone is no sign of an attack.
_CHECK_LIMITS = ("prlimit", f"--as={4 << 30}", "--cpu=600", "--")
_CHECK_SECONDS = 900.0
_CHECKED = frozenset(("qcow2", "vdi", "vhdx"))
_LEAKS_ONLY = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file turned out to be: its format in Glance's words, and its disk's size in bytes."""

    format: str
    virtual_size: int


def inspect(host: Host, path: Path, claimed: str) -> Probe:
    """Look into the file at `path` (absolute, on this machine), which is said to be `claimed`.

    Raises Refused: `image.format.unknown`, `image.empty`, `image.format.mismatch`,
    `image.backing.refused`, `image.truncated`, `image.corrupt`, `image.too_large`.
    """
    if claimed not in formats.QEMU_NAMES:
        raise Refused(
            "image.format.unknown",
            f"{claimed[:40]!r} is no disk format; one of {', '.join(sorted(formats.QEMU_NAMES))}",
        )
    head, tail, size = _ends(path)
    if size == 0:
        raise Refused("image.empty", "the image is an empty file")
    if not formats.agrees(claimed, head, tail):
        found = formats.tell(head, tail)
        what = f"its content is {found}" if found != "raw" else "its content is not"
        raise Refused("image.format.mismatch", f"the image is said to be {claimed}, but {what}")
    headers.check(claimed, head, tail, size)
    if claimed in formats.PLAIN:
        headers.check_virtual_size(size)
        return Probe(claimed, size)
    information = _information(host, path, formats.QEMU_NAMES[claimed])
    virtual_size = int(information["virtual-size"])
    headers.check_virtual_size(virtual_size)
    if claimed in _CHECKED:
        _check(host, path, claimed, size)
    return Probe(claimed, virtual_size)


def _ends(path: Path) -> tuple[bytes, bytes, int]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(formats.HEAD)
        file.seek(max(0, size - formats.TAIL))
        return head, file.read(formats.TAIL), size


def _information(host: Host, path: Path, name: str) -> dict[str, Any]:
    """What QEMU says of it, under limits. Refuses what needs another file."""
    done = host.run(
        [*_LIMITS, "qemu-img", "info", "--output=json", "-f", name, str(path)],
        timeout=_INFO_SECONDS,
        reads=True,
        check=False,
    )
    if done.status != 0:
        raise headers.corrupt(_last_line(done))
    information: dict[str, Any] = json.loads(done.stdout)
    if information.get("backing-filename") or information.get("full-backing-filename"):
        raise headers.backing("a backing file")
    specific = information.get("format-specific", {}).get("data", {})
    if specific.get("data-file"):
        raise headers.backing("an external data file")
    for extent in specific.get("extents", ()):
        if extent.get("filename") != str(path):
            raise headers.backing("an extent in another file")
    return information


def _check(host: Host, path: Path, name: str, size: int) -> None:
    """Have QEMU read all tables. Leaked clusters only waste space and are no fault."""
    done = host.run(
        [*_CHECK_LIMITS, "qemu-img", "check", "--output=json", "-f", name, str(path)],
        timeout=_CHECK_SECONDS,
        reads=True,
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise headers.corrupt(_last_line(done)) from None
    # A file may end within its last cluster: that is how QEMU writes it.
    cluster = 1 << _cluster_bits(path) if name == "qcow2" else 0
    if cluster and report.get("image-end-offset", 0) >= size + cluster:
        raise headers.truncated("tables")
    if "exceeding the end of the file" in done.stderr or "past the end of the" in done.stderr:
        raise headers.truncated("tables")
    if done.status not in (0, _LEAKS_ONLY):
        if report.get("check-errors") and not report.get("corruptions"):
            raise MachineFailed("image.check.failed", f"qemu-img check: {_last_line(done)}")
        raise headers.corrupt(f"{report.get('corruptions', 0)} inconsistencies")


def _cluster_bits(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(20)
        return int.from_bytes(file.read(4), "big")


def _last_line(done: Output) -> str:
    lines = done.stderr.strip().splitlines() or [f"qemu-img ended with status {done.status}"]
    # QEMU repeats the file's path, which says nothing to the person.
    return lines[-1].split(": ")[-1]
