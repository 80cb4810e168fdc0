"""Whether a file is the image that it is said to be, whole, and safe to give to QEMU."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from backends.drivers.qemu_img import formats, headers, refusals
from backends.drivers.qemu_img.sandbox import Sandbox, lent
from backends.errors import MachineFailed, Refused
from backends.hosts import Output

_INFO_SECONDS = 40.0
# Reading the tables of a large image takes a while; CPU time alone is no sign of an attack.
_CHECK_CPU = 600
_CHECK_MEMORY = 4 << 30
_CHECK_SECONDS = 900.0
_CHECKED = frozenset(("qcow2", "vdi", "vhdx", "vmdk"))
_LEAKS_ONLY = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file turned out to be: its format in Glance's words, and its disk's size in bytes."""

    format: str
    virtual_size: int


def inspect(path: Path, claimed: str) -> Probe:
    """Look into the file at `path` (absolute, on this machine), which is said to be `claimed`.

    Its owner lends it to a nobody for QEMU's own look. Raises Refused: what `glance_at` raises,
    `image.truncated`, `image.corrupt`.
    """
    with path.open("rb") as file:
        size = glance_at(file, claimed)
    if claimed in formats.PLAIN:
        return Probe(claimed, size)
    with lent(path) as sandbox:
        information = _information(sandbox, formats.QEMU_NAMES[claimed])
        virtual_size = int(information["virtual-size"])
        refusals.check_virtual_size(virtual_size)
        if claimed in _CHECKED:
            _check(sandbox, path, claimed, size)
    return Probe(claimed, virtual_size)


def glance_at(file: BinaryIO, claimed: str) -> int:
    """What can be told without QEMU, from a few blocks of an open file; gives its size in bytes.

    Raises Refused: `image.format.unknown`, `image.empty`, `image.format.mismatch`,
    `image.format.ambiguous`, `image.packed`, `image.encrypted`, and what `headers.check` raises.
    """
    if claimed not in formats.QEMU_NAMES:
        raise Refused(
            "image.format.unknown",
            f"{claimed[:40]!r} is no disk format; one of {', '.join(sorted(formats.QEMU_NAMES))}",
        )

    def read(offset: int, amount: int) -> bytes:
        file.seek(offset)
        return file.read(amount)

    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise Refused("image.empty", "the image is an empty file")
    head, tail = read(0, formats.HEAD), read(max(0, size - formats.TAIL), formats.TAIL)
    if not formats.agrees(claimed, head, tail):
        raise _mismatch(claimed, head, tail)
    if claimed not in ("ari", "aki") and (how := formats.packed(head)):
        raise refusals.packed(how)
    headers.check(claimed, head, tail, size, read)
    refusals.check_virtual_size(size)
    return size


def _mismatch(claimed: str, head: bytes, tail: bytes) -> Refused:
    found = formats.signs(head, tail)
    if len(found) > 1:
        return Refused(
            "image.format.ambiguous",
            f"the image is {' and '.join(found)} at once, and could be read as either",
        )
    if found == ("luks",):
        return refusals.locked("LUKS")
    if not found and claimed not in ("aki", "ari") and (how := formats.packed(head)):
        return refusals.packed(how)
    what = f"its content is {found[0]}" if found else "its content is not"
    return Refused("image.format.mismatch", f"the image is said to be {claimed}, but {what}")


def _information(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """What QEMU says of it, under limits. Refuses what needs another file."""
    file = sandbox.name()
    done = sandbox.run("qemu-img", "info", "--output=json", "-f", name, file, seconds=_INFO_SECONDS)
    if done.status != 0:
        raise refusals.corrupt(_last_line(done))
    information: dict[str, Any] = json.loads(done.stdout)
    if information.get("backing-filename") or information.get("full-backing-filename"):
        raise refusals.backing("a backing file")
    if information.get("encrypted"):
        raise refusals.locked(name)
    specific = information.get("format-specific", {}).get("data", {})
    if specific.get("data-file"):
        raise refusals.backing("an external data file")
    for extent in specific.get("extents", ()):
        if extent.get("filename") != file:
            raise refusals.backing("an extent in another file")
    return information


def _check(sandbox: Sandbox, path: Path, name: str, size: int) -> None:
    """Have QEMU read all tables. Leaked clusters only waste space and are no fault."""
    check = ("qemu-img", "check", "--output=json", "-f", name, sandbox.name())
    done = sandbox.run(*check, seconds=_CHECK_SECONDS, cpu=_CHECK_CPU, memory=_CHECK_MEMORY)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise refusals.corrupt(_last_line(done)) from None
    # A file may end within its last cluster: that is how QEMU writes it.
    cluster = 1 << _cluster_bits(path) if name == "qcow2" else 0
    if cluster and report.get("image-end-offset", 0) >= size + cluster:
        raise refusals.truncated("tables")
    if "exceeding the end of the file" in done.stderr or "past the end of the" in done.stderr:
        raise refusals.truncated("tables")
    if done.status not in (0, _LEAKS_ONLY):
        if report.get("check-errors") and not report.get("corruptions"):
            raise MachineFailed("image.check.failed", f"qemu-img check: {_last_line(done)}")
        raise refusals.corrupt(f"{report.get('corruptions', 0)} inconsistencies")


def _cluster_bits(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(20)
        return int.from_bytes(file.read(4), "big")


def _last_line(done: Output) -> str:
    lines = done.stderr.strip().splitlines() or [f"qemu-img ended with status {done.status}"]
    # QEMU repeats the file's path, which says nothing to the person.
    return lines[-1].split(": ")[-1]
