"""Jobs that QEMU does on disks of a running guest: how far one is, the wait for it, its end.

A job goes on when who began it dies.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from backends.drivers.libvirt import xml
from backends.drivers.step import Progress
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")
_POLL = 0.1


class On(Protocol):
    """Does something with one domain, over the connection that is kept."""

    def __call__(self, work: Callable[[libvirt.virDomain], T], /) -> T: ...


def wait(share: Callable[[], float | None], progress: Progress) -> None:
    """Wait as long as `share` tells how much is done, 0 to 1. Raises what either raises."""
    while (done := share()) is not None:
        progress(done)
        time.sleep(_POLL)


def target_of(domain: libvirt.virDomain, file: str) -> str:
    """The target (`vda`) of the disk that is this file. Raises MachineFailed."""
    name = xml.target_of(domain.XMLDesc(), file)
    if name is None:
        raise MachineFailed("libvirt.disk.missing", f"{domain.name()} does not run on {file}")
    return name


def block_share(domain: libvirt.virDomain, target: str) -> float | None:
    """How much of the block job of a disk (`vda`) is done, 0 to 1; None where none is at work."""
    job = domain.blockJobInfo(target)
    if not job:
        return None
    return job["cur"] / job["end"] if job["end"] else 0.0


def finish_backup(on: On, name: str, progress: Progress) -> None:
    """Wait for the backup of the domain that has this name.

    Raises MachineFailed `libvirt.backup.failed`, what `progress` raises.
    """
    wait(lambda: on(_backup_share), progress)
    if not on(_succeeded):
        text = f"the copy of a disk of {name} was cut short; is its pool or file system full?"
        raise MachineFailed("libvirt.backup.failed", text)


def abort_backup(on: On) -> None:
    """End what is at work, if anything is: of another try, or of this one."""
    with contextlib.suppress(MachineFailed):
        if on(_backup_share) is not None:
            on(lambda domain: domain.abortJob())
        wait(lambda: on(_backup_share), lambda done: None)


def _backup_share(domain: libvirt.virDomain) -> float | None:
    import libvirt

    if not domain.isActive():
        return None
    stats = domain.jobStats()
    if stats.get("operation") != libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP:
        return None
    total = stats.get("disk_total", 0)
    return min(1.0, stats.get("disk_processed", 0) / total) if total else 0.0


def _succeeded(domain: libvirt.virDomain) -> bool:
    """Whether the backup that ended last was whole."""
    import libvirt

    return bool(domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED).get("success", False))
