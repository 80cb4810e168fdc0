"""Copying into a running guest's disk what it stands on (libvirt's block pull).

The job runs in QEMU: it goes on when who began it dies, and is then only waited for.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from backends.drivers.libvirt import jobs, ownership, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.step import Progress
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt


class Flatten:
    """Flattens disks of one cloud's running domains."""

    def __init__(self, connection: Connection, cloud: str) -> None:
        self._connection = connection
        self._cloud = cloud

    def pull(self, domain_id: str, disk: str, progress: Progress) -> None:
        """Copy it all, so that the disk whose file is `disk` stands on nothing.

        Whatever ends it before, the disk is whole on what it stood on. Raises MachineFailed
        `libvirt.pull.failed`, what `progress` raises.
        """
        if not self._connection.call(lambda connection: self._begin(connection, domain_id, disk)):
            return
        try:
            jobs.wait(lambda: self._share(domain_id, disk), progress)
            if base := self._connection.call(lambda each: self._base(each, domain_id, disk)):
                text = f"{disk} still stands on {base}: its copy was cut short"
                raise MachineFailed("libvirt.pull.failed", f"{text}; is its file system full?")
        except BaseException:
            with contextlib.suppress(MachineFailed):
                self._connection.call(lambda connection: self._abort(connection, domain_id, disk))
            raise

    def _begin(self, connection: libvirt.virConnect, domain_id: str, disk: str) -> bool:
        """Whether there is something to wait for."""
        domain = ownership.get_own(connection, domain_id, self._cloud)
        if not domain.isActive():
            return False
        target = jobs.target_of(domain, disk)
        if not domain.blockJobInfo(target):
            domain.blockPull(target, 0, 0)
        return True

    def _share(self, domain_id: str, disk: str) -> float | None:
        """How much is copied, 0 to 1; None at the end."""

        def look(connection: libvirt.virConnect) -> float | None:
            domain = ownership.get_own(connection, domain_id, self._cloud)
            if not domain.isActive():
                raise MachineFailed(
                    "libvirt.pull.failed", f"{domain_id} went off before all was copied; try again"
                )
            return jobs.block_share(domain, jobs.target_of(domain, disk))

        return self._connection.call(look)

    def _base(self, connection: libvirt.virConnect, domain_id: str, disk: str) -> str:
        """What a disk still stands on: a job that failed ends like one that is done."""
        domain = ownership.get_own(connection, domain_id, self._cloud)
        return xml.stands_on(domain.XMLDesc(), disk) if domain.isActive() else ""

    def _abort(self, connection: libvirt.virConnect, domain_id: str, disk: str) -> None:
        domain = ownership.get_own(connection, domain_id, self._cloud)
        if domain.isActive():
            domain.blockJobAbort(jobs.target_of(domain, disk), 0)
