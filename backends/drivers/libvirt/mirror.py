"""Moving a running guest's disk to another file while it writes (libvirt's block copy).

The job runs in QEMU: it goes on when who began it dies, and is then only waited for.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from backends.drivers.libvirt import ownership, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.step import Progress
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")
_POLL = 0.2


class Mirror:
    """Moves disks of one of a cloud's domains, by their serials."""

    def __init__(self, connection: Connection, cloud: str, domain_id: str) -> None:
        self._connection = connection
        self._cloud = cloud
        self._id = domain_id

    def runs(self) -> bool:
        """Whether its guest can write."""

        def work(connection: libvirt.virConnect) -> bool:
            domain = ownership.find_own(connection, self._id, self._cloud)
            return domain is not None and bool(domain.isActive())

        return self._connection.call(work)

    def file(self, serial: str) -> str | None:
        """The file that the disk is now; of a guest that is off, the one that it starts with."""

        def work(connection: libvirt.virConnect) -> str | None:
            domain = ownership.find_own(connection, self._id, self._cloud)
            return None if domain is None else xml.file_of_serial(domain.XMLDesc(), serial)

        return self._connection.call(work)

    def is_at_work(self, serial: str) -> bool:
        """Whether a copy goes on that somebody began."""
        return self._on(lambda domain: bool(domain.blockJobInfo(_target(domain, serial))))

    def begin(self, serial: str, file: str) -> None:
        """Begin to copy the disk to a file, which is there, as large as it, and full of zeroes."""

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            target = _target(domain, serial)
            # "Transient": it may end with its guest, and is then begun anew.
            flags = (
                libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
                | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
            )
            if not domain.blockJobInfo(target):
                domain.blockCopy(target, _disk_xml(file), flags=flags)

        self._on(work)

    def finish(self, serial: str, file: str, progress: Progress) -> None:
        """Wait until all is copied, and let the guest go over to the copy.

        Raises MachineFailed `volume.move.cut` where it went off or the copy failed, what `progress`
        raises.
        """
        try:
            while (share := self._on(lambda domain: _share(domain, serial))) is not None:
                progress(share)
                time.sleep(_POLL)
            self.go_over(serial)
            while self.is_at_work(serial):
                time.sleep(_POLL)
        except MachineFailed as error:
            if error.code == "libvirt.failed" and not self.runs():
                raise _cut(serial) from error
            raise
        if self.file(serial) != file:
            raise _cut(serial)

    def go_over(self, serial: str) -> None:
        """Let the guest go on with the copy, which has all by now."""

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            if xml.is_mirrored(domain.XMLDesc(), serial):
                flags = libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
                domain.blockJobAbort(_target(domain, serial), flags)

        self._on(work)

    def abort(self, serial: str) -> None:
        """End a copy; the guest stays where it is."""

        def work(domain: libvirt.virDomain) -> None:
            if domain.isActive():
                domain.blockJobAbort(_target(domain, serial), 0)

        with contextlib.suppress(MachineFailed):
            self._on(work)

    def _on(self, work: Callable[[libvirt.virDomain], T]) -> T:
        return self._connection.call(
            lambda connection: work(ownership.get_own(connection, self._id, self._cloud))
        )


def _share(domain: libvirt.virDomain, serial: str) -> float | None:
    """How much is copied, 0 to 1; None where all is, or no copy goes on."""
    if not domain.isActive():
        raise _cut(serial)
    job = domain.blockJobInfo(_target(domain, serial))
    if not job or xml.is_mirrored(domain.XMLDesc(), serial):
        return None
    return job["cur"] / job["end"] if job["end"] else 0.0


def _cut(serial: str) -> MachineFailed:
    text = f"the copy of volume {serial} was cut short: its guest went off, or a disk is full"
    return MachineFailed("volume.move.cut", f"{text}; it stays where it was")


def _disk_xml(file: str) -> str:
    disk = Element("disk", type="file")
    SubElement(disk, "driver", name="qemu", type="raw", discard="unmap")
    SubElement(disk, "source", file=file)
    return ElementTree.tostring(disk, encoding="unicode")


def _target(domain: libvirt.virDomain, serial: str) -> str:
    target = xml.target_of_serial(domain.XMLDesc(), serial)
    if target is None:
        text = f"the guest of {domain.name()} does not have volume {serial}"
        raise MachineFailed("libvirt.disk.missing", text)
    return target
