"""A moment of running guests: held still as long as it takes to note what their volumes hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from backends.drivers.libvirt import jobs, ownership, xml
from backends.drivers.libvirt.backup import still as frozen
from backends.drivers.libvirt.connection import Connection
from backends.drivers.step import Progress

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")


class GuestMoment:
    """The running ones of some instances. `halts` says that QEMU may not copy their disks."""

    def __init__(
        self, connection: Connection, cloud: str, ids: Collection[str], *, halts: bool = False
    ) -> None:
        self._connection = connection
        self._cloud = cloud
        self._ids = sorted(ids)
        self._halts = halts

    @contextmanager
    def still(self) -> Iterator[None]:
        """File systems are frozen where an agent answers; processors are halted.

        They go on in any case; killed within, the next converge lets them.
        """
        with ExitStack() as held:
            for domain in self._running():
                held.enter_context(frozen(domain))
                held.enter_context(_halted(domain))
            yield

    def copy(self, targets: Mapping[str, Path], progress: Progress) -> frozenset[str]:
        """Let QEMU copy each volume to its file, all as they are at one moment.

        Only where it may, and no volume is written to by two guests: else none is copied. Raises
        MachineFailed `libvirt.backup.failed`, what `progress` raises; nothing is at work then.
        """
        domains = self._running()
        disks = [_targets(domain, targets) for domain in domains]
        serials = [serial for each in disks for serial in each]
        if self._halts or not serials or len(serials) != len(set(serials)):
            return frozenset()
        busy = [
            (partial(self._on, domain), domain, each)
            for domain, each in zip(domains, disks, strict=True)
            if each
        ]
        for on, _, _ in busy:
            jobs.abort_backup(on)
        try:
            with ExitStack() as held:
                for _, domain, _ in busy:
                    held.enter_context(frozen(domain))
                for _, domain, _ in busy if len(busy) > 1 else ():
                    held.enter_context(_halted(domain))
                for on, _, each in busy:
                    on(partial(_begin, targets=each))
            for number, (on, domain, _) in enumerate(busy):
                jobs.finish_backup(on, domain.name(), _part(progress, number, len(busy)))
        except BaseException:
            for on, _, _ in busy:
                jobs.abort_backup(on)
            raise
        return frozenset(serials)

    def _running(self) -> list[libvirt.virDomain]:
        def work(connection: libvirt.virConnect) -> list[libvirt.virDomain]:
            found = (ownership.find_own(connection, id_, self._cloud) for id_ in self._ids)
            return [domain for domain in found if domain is not None and domain.isActive()]

        return self._connection.call(work)

    def _on(self, domain: libvirt.virDomain, work: Callable[[libvirt.virDomain], T]) -> T:
        return self._connection.call(lambda connection: work(domain))


def backup_xml(domain: str, targets: Mapping[str, str]) -> str:
    """A push of some disks, by serial, to raw files that are there; the others are left out."""
    backup = Element("domainbackup", mode="push")
    disks = SubElement(backup, "disks")
    for disk in ElementTree.fromstring(domain).iterfind("devices/disk"):
        target = disk.find("target")
        name = "" if target is None else target.get("dev", "")
        file = targets.get(disk.findtext("serial", ""))
        if file is None:
            SubElement(disks, "disk", name=name, backup="no")
            continue
        element = SubElement(disks, "disk", name=name, backup="yes", type="file")
        SubElement(element, "driver", type="raw")
        SubElement(element, "target", file=file)
    return ElementTree.tostring(backup, encoding="unicode")


def _targets(domain: libvirt.virDomain, targets: Mapping[str, Path]) -> dict[str, str]:
    """By serial, those of the volumes that the domain has."""
    serials = xml.parse_domain(domain.XMLDesc()).disks
    return {serial: str(path) for serial, path in targets.items() if serial in serials}


@contextmanager
def _halted(domain: libvirt.virDomain) -> Iterator[None]:
    import libvirt

    was_running = domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
    if was_running:
        domain.suspend()
    try:
        yield
    finally:
        if was_running:
            domain.resume()


def _begin(domain: libvirt.virDomain, targets: Mapping[str, str]) -> None:
    import libvirt

    text = backup_xml(domain.XMLDesc(), targets)
    domain.backupBegin(text, None, libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)


def _part(progress: Progress, number: int, count: int) -> Progress:
    return lambda done: progress((number + done) / count)
