"""Plugging disks into running domains, and out again.

A domain that is off is left alone: its definition brings the disk, or no longer does.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from backends.drivers.libvirt import ownership, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.spec import Disk
from backends.drivers.step import Progress
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

DETACH_DEADLINE = 30.0
# A guest that is still booting misses the request, so it is made again.
_ASK_AGAIN = 5.0
_POLL = 0.1


class Hotplug:
    """The disks of one cloud's running domains."""

    def __init__(self, connection: Connection, cloud: str) -> None:
        self._connection = connection
        self._cloud = cloud

    def attach(self, domain_id: str, disk: Disk) -> None:
        """Plug it in, unless a disk with its serial is there."""

        def work(connection: libvirt.virConnect) -> None:
            import libvirt

            domain = ownership.get_own(connection, domain_id, self._cloud)
            if domain.isActive() and xml.find_disk(domain.XMLDesc(), disk.serial) is None:
                domain.attachDeviceFlags(xml.disk_xml(disk), libvirt.VIR_DOMAIN_AFFECT_LIVE)

        self._connection.call(work)

    def detach(self, domain_id: str, serial: str, progress: Progress) -> None:
        """Ask the guest to let go of it and wait until it did, at most `DETACH_DEADLINE` seconds.

        Raises MachineFailed `volume.detach.refused` where it keeps it.
        """
        began = time.monotonic()
        asked = -_ASK_AGAIN
        while (waited := time.monotonic() - began) < DETACH_DEADLINE:
            progress(waited / DETACH_DEADLINE)
            ask = waited - asked >= _ASK_AGAIN
            if not self._connection.call(partial(self._holds, domain_id, serial, ask)):
                return
            asked = waited if ask else asked
            time.sleep(_POLL)
        raise MachineFailed(
            "volume.detach.refused",
            f"the guest did not let go of {serial} within {DETACH_DEADLINE:g} s; "
            "unmount it there or stop the instance, then try again",
        )

    def _holds(
        self, domain_id: str, serial: str, ask: bool, connection: libvirt.virConnect
    ) -> bool:
        """Whether the running domain has the disk; with `ask` it is asked to let go of it."""
        import libvirt

        domain = ownership.find_own(connection, domain_id, self._cloud)
        if domain is None or not domain.isActive():
            return False
        disk = xml.find_disk(domain.XMLDesc(), serial)
        if disk is None:
            return False
        if ask:
            try:
                domain.detachDeviceFlags(disk, libvirt.VIR_DOMAIN_AFFECT_LIVE)
            except libvirt.libvirtError as error:
                # Asked before and not done yet: "already in the process of unplug".
                if "unplug" not in str(error):
                    raise
        return True
