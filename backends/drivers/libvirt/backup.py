"""Copying a disk of a running guest as it is at one moment (libvirt's push backup).

The format is libvirt's (https://libvirt.org/formatbackup.html). The job runs in QEMU: it goes on
when who began it dies, and is begun anew then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from backends.drivers.libvirt import jobs, ownership
from backends.drivers.libvirt.connection import Connection
from backends.drivers.step import Progress
from backends.errors import MachineFailed
from backends.hosts import Host

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")

# Seconds that an agent has to freeze file systems, or to thaw them, and how often it is asked for
# the latter where it says nothing (libvirt gives one that is silent up after 5 s).
_FREEZE = 10
_THAWS = 3
# What follows a target's name until it is whole.
PARTIAL = ".partial"


class Backup:
    """Copies disks of one cloud's running domains."""

    def __init__(self, connection: Connection, cloud: str, host: Host) -> None:
        self._connection = connection
        self._cloud = cloud
        self._host = host

    def take(self, domain_id: str, disk: str, target: str, progress: Progress) -> None:
        """Copy the disk whose file is `disk` to `target`, a qcow2 that stands on nothing.

        Nothing is done where the target is there, or the domain does not run. The guest's agent,
        where it answers, holds its file systems still meanwhile the moment is taken. Raises
        MachineFailed `libvirt.backup.failed`, what `progress` raises.
        """
        part = Path(target + PARTIAL)
        if self._host.exists(Path(target)) or not self._runs(domain_id):
            return
        self._abort(domain_id)
        self._host.remove(part)
        try:
            self._on(domain_id, lambda domain: _begin(domain, disk, str(part)))
            jobs.finish_backup(partial(self._on, domain_id), domain_id, progress)
        except BaseException:
            self._abort(domain_id)
            self._host.remove(part)
            raise
        self._host.run(["mv", "--no-target-directory", str(part), target])

    def _runs(self, domain_id: str) -> bool:
        def work(connection: libvirt.virConnect) -> bool:
            domain = ownership.find_own(connection, domain_id, self._cloud)
            return domain is not None and bool(domain.isActive())

        return self._connection.call(work)

    def _abort(self, domain_id: str) -> None:
        """End what is left of another try, or of this one."""
        with contextlib.suppress(MachineFailed):
            self._on(domain_id, _thaw)
        jobs.abort_backup(partial(self._on, domain_id))

    def _on(self, domain_id: str, work: Callable[[libvirt.virDomain], T]) -> T:
        return self._connection.call(
            lambda connection: work(ownership.get_own(connection, domain_id, self._cloud))
        )


def backup_xml(disk: str, target: str) -> str:
    """One disk, by its target's name, pushed to a qcow2 file."""
    backup = Element("domainbackup", mode="push")
    disks = SubElement(backup, "disks")
    element = SubElement(disks, "disk", name=disk, backup="yes", type="file")
    SubElement(element, "target", file=target)
    SubElement(element, "driver", type="qcow2")
    return ElementTree.tostring(backup, encoding="unicode")


@contextlib.contextmanager
def still(domain: libvirt.virDomain) -> Iterator[None]:
    """Hold the guest's file systems still, where its agent answers in time."""
    may_hold = _freeze(domain)
    try:
        yield
    finally:
        for _ in range(_THAWS if may_hold else 0):
            if _thaw(domain):
                break


def _freeze(domain: libvirt.virDomain) -> bool:
    """Ask the agent to freeze the guest's file systems; whether it can have done so.

    Without an agent the copy is what a power cut would leave, which file systems live with.
    """
    import libvirt

    began = time.monotonic()
    try:
        # By itself libvirt waits for ever.
        domain.agentSetResponseTimeout(_FREEZE)
        domain.fsFreeze()
    except libvirt.libvirtError:
        # One that does not answer at all is given up sooner, and was asked for nothing.
        return time.monotonic() - began >= _FREEZE
    return True


def _thaw(domain: libvirt.virDomain) -> bool:
    """Let the guest's file systems go on; whether its agent said something to it, if it has one."""
    import libvirt

    try:
        domain.agentSetResponseTimeout(_FREEZE)
        domain.fsThaw()
    except libvirt.libvirtError as error:
        return bool(error.get_error_code() != libvirt.VIR_ERR_AGENT_UNRESPONSIVE)
    return True


def _begin(domain: libvirt.virDomain, disk: str, target: str) -> None:
    name = jobs.target_of(domain, disk)
    with still(domain):
        domain.backupBegin(backup_xml(name, target), None)
