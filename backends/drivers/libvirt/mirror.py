"""Moving a running guest's disk to another place while it writes (libvirt's block copy).

The job runs in QEMU: it goes on when who began it dies, and is then only waited for. Where a
storage host does not answer, it ends when that does again; nobody waits for that within libvirt.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from backends.drivers.libvirt import jobs, ownership, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.disks import Disks
from backends.drivers.libvirt.spec import Disk
from backends.drivers.libvirt.steps import ISCSI
from backends.drivers.step import Progress
from backends.drivers.volumes.keys import Keys
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")
_POLL = 0.1
# Seconds within which a copy has caught up with a guest that is held still, and has ended.
_CATCH_UP = 10.0
_END = 10.0


class Mirror:
    """Moves disks of one of a cloud's domains, by their serials."""

    def __init__(
        self, connection: Connection, cloud: str, domain_id: str, disks: Disks, keys: Keys
    ) -> None:
        self._connection = connection
        self._cloud = cloud
        self._id = domain_id
        self._disks = disks
        self._keys = keys

    def runs(self) -> bool:
        """Whether its guest can write."""

        def work(connection: libvirt.virConnect) -> bool:
            domain = ownership.find_own(connection, self._id, self._cloud)
            return domain is not None and bool(domain.isActive())

        return self._connection.call(work)

    def place(self, serial: str) -> str | None:
        """The path that the disk has now; of a guest that is off, the one that it starts with."""
        found = self._attached(serial)
        return found.place if found else None

    def is_at_work(self, serial: str) -> bool:
        """Whether a copy goes on that somebody began."""
        return self._on(lambda domain: _share(domain, serial) is not None)

    def goes_over(self, serial: str) -> bool:
        """Whether the guest was told to go over to the copy, and is about to."""
        found = self._attached(serial)
        return found is not None and found.goes_over

    def begin(self, disk: Disk) -> None:
        """Begin to copy the disk of this serial to this one, which is there and as large."""
        if disk.portal:
            self._disks.lend_key(disk.serial, self._keys.read(disk.serial), ISCSI)

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            # "Transient": it may end with its guest, and is then begun anew.
            flags = (
                libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
                | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
            )
            if _share(domain, disk.serial) is None:
                target = _find(domain, disk.serial).target
                domain.blockCopy(target, xml.copy_xml(disk), flags=flags)

        self._on(work)

    def finish(self, disk: Disk, progress: Progress, ready: Callable[[], None]) -> None:
        """Wait until all is copied, do what makes the copy `ready`, and let the guest go over.

        Raises MachineFailed `volume.move.cut` where it went off or the copy failed, what `progress`
        and `ready` raise.
        """
        try:
            jobs.wait(lambda: self._on(lambda domain: _lacking(domain, disk.serial)), progress)
            ready()
            self.go_over(disk.serial)
            jobs.wait(lambda: self._on(lambda domain: _share(domain, disk.serial)), progress)
        except MachineFailed as error:
            if error.code == "libvirt.failed" and not self.runs():
                raise _cut(disk.serial) from error
            raise
        if self.place(disk.serial) != disk.path:
            raise _cut(disk.serial)

    def catch_up(self, serial: str) -> None:
        """Wait until a copy lacks nothing of what its guest wrote, who writes no more."""
        end = time.monotonic() + _CATCH_UP
        while (share := self._on(lambda domain: _share(domain, serial))) != 1.0:
            if share is None or time.monotonic() > end:
                raise _cut(serial)
            time.sleep(_POLL)

    def go_over(self, serial: str) -> None:
        """Let the guest go on with the copy, which has all by now."""

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            found = _find(domain, serial)
            if found.copied:
                pivot = libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
                domain.blockJobAbort(found.target, pivot | libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC)

        self._on(work)

    def abort(self, serial: str) -> None:
        """End a copy; the guest stays where it is. It may last until a storage host answers."""

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            if domain.isActive():
                target = _find(domain, serial).target
                domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC)

        end = time.monotonic() + _END
        with contextlib.suppress(MachineFailed):
            self._on(work)
            while self.is_at_work(serial) and time.monotonic() < end:
                time.sleep(_POLL)
        with contextlib.suppress(MachineFailed):
            found = self._attached(serial)
            if found is not None and not found.is_target and not found.goes_over:
                self._disks.take_key_back(serial)

    def _attached(self, serial: str) -> xml.Attached | None:
        def work(connection: libvirt.virConnect) -> xml.Attached | None:
            domain = ownership.find_own(connection, self._id, self._cloud)
            return None if domain is None else xml.attached(domain.XMLDesc(), serial)

        return self._connection.call(work)

    def _on(self, work: Callable[[libvirt.virDomain], T]) -> T:
        return self._connection.call(
            lambda connection: work(ownership.get_own(connection, self._id, self._cloud))
        )


def _lacking(domain: libvirt.virDomain, serial: str) -> float | None:
    """How much is copied, 0 to 1; None where all is, or no copy goes on."""
    if not domain.isActive():
        raise _cut(serial)
    found = _find(domain, serial)
    return None if found.copied else jobs.block_share(domain, found.target)


def _share(domain: libvirt.virDomain, serial: str) -> float | None:
    """How much is copied, also of what its guest wrote meanwhile; None where no copy goes on."""
    if not domain.isActive():
        return None
    return jobs.block_share(domain, _find(domain, serial).target)


def _cut(serial: str) -> MachineFailed:
    text = f"the copy of volume {serial} was cut short: its guest went off, or a disk is full"
    return MachineFailed("volume.move.cut", f"{text}; it stays where it was")


def _find(domain: libvirt.virDomain, serial: str) -> xml.Attached:
    found = xml.attached(domain.XMLDesc(), serial)
    if found is None:
        text = f"the guest of {domain.name()} does not have volume {serial}"
        raise MachineFailed("libvirt.disk.missing", text)
    return found
