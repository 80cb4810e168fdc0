"""What disks and volumes stand on: device-mapper, LVM, room on the disk."""

from __future__ import annotations

from pathlib import Path

from backends.hosts import Host
from backends.setup.check import (
    Check,
    Finding,
    ask,
    fail,
    last_line,
    ok,
    skip,
    tool,
    warn,
)

STATE = Path("/var/lib/quarterdeck")
_GIB = 1024**3
_LEAST_ROOM = 2 * _GIB
_GOOD_ROOM = 10 * _GIB
_LEAST_INODES = 10_000


def device_mapper(host: Host) -> Finding:
    """/proc/misc: the kernel's device-mapper, without which LVM activates nothing."""
    rows = [line.split() for line in (host.read_text(Path("/proc/misc")) or "").splitlines()]
    if any(row[1:] == ["device-mapper"] for row in rows):
        return ok("the kernel has device-mapper")
    if ask(host, ("modprobe", "--dry-run", "--quiet", "dm_mod")).status == 0:
        return ok("the kernel can load device-mapper")
    return warn("the kernel has no device-mapper: volumes are plain files")


def lvm(host: Host) -> Finding:
    """lvm(8)."""
    return tool(host, ("lvm", "version"), package="lvm2")


def thin_tools(host: Host) -> Finding:
    """thin_check(8), which LVM runs before it activates a thin pool."""
    return tool(host, ("thin_check", "--version"), package="thin-provisioning-tools")


def room(host: Host) -> Finding:
    """df(1): bytes free where images, disks and volumes are kept."""
    place = _nearest(host, STATE)
    free = _df(host, "avail", place)
    if free is None:
        return skip(f"df does not know {place}")
    evidence = f"{free / _GIB:.1f} GiB free at {place}"
    if free < _LEAST_ROOM:
        return fail(f"{evidence}: too little for an image and a guest", "quarterdeck image list")
    return ok(evidence) if free >= _GOOD_ROOM else warn(f"{evidence}: room for small guests only")


def inodes(host: Host) -> Finding:
    """df(1): inodes free at the same place; some file systems count none."""
    place = _nearest(host, STATE)
    free = _df(host, "iavail", place)
    if free is None or (free == 0 and _df(host, "itotal", place) == 0):
        return ok(f"the file system at {place} has no fixed number of inodes")
    if free < _LEAST_INODES:
        return fail(f"{free} inodes free at {place}", f"find {place} -xdev -type f | wc -l")
    return ok(f"{free} inodes free at {place}")


def writable(host: Host) -> Finding:
    """findmnt(8): the file system there is not mounted read-only, as after an I/O error."""
    place = _nearest(host, STATE)
    said = ask(host, ("findmnt", "--noheadings", "--output", "OPTIONS", "--target", str(place)))
    if said.status != 0:
        return skip(f"findmnt: {last_line(said)}")
    if "ro" in said.stdout.strip().split(","):
        return fail(f"{place} is mounted read-only", f"mount -o remount,rw {place}")
    return ok(f"{place} is mounted read-write")


def _nearest(host: Host, path: Path) -> Path:
    """The path itself, or its nearest parent that is there."""
    return next((place for place in (path, *path.parents) if host.exists(place)), Path("/"))


def _df(host: Host, field: str, place: Path) -> int | None:
    said = ask(host, ("df", f"--output={field}", "--block-size=1", str(place)))
    number = said.stdout.split()[-1] if said.status == 0 and said.stdout.strip() else "-"
    return int(number) if number.isdigit() else None


CHECKS = (
    Check("storage.device-mapper", "device-mapper", device_mapper),
    Check("storage.lvm", "LVM", lvm),
    Check("storage.thin", "Thin provisioning tools", thin_tools),
    Check("storage.room", "Room on the disk", room),
    Check("storage.inodes", "Inodes", inodes),
    Check("storage.writable", "State folder's file system", writable),
)
