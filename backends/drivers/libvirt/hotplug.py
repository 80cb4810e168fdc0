"""Plugging disks and interfaces into running domains, and out again.

A domain that is off is left alone: its definition brings the device, or no longer does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from backends.drivers.libvirt import ownership, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.spec import Disk, Nic
from backends.drivers.step import Progress
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

DETACH_DEADLINE = 30.0
# A guest that is still booting misses the request, so it is made again.
_ASK_AGAIN = 5.0
_POLL = 0.1
# A device's XML in that of its domain, or None where it is not there.
_Find = Callable[[str], str | None]


class Hotplug:
    """The devices of one cloud's running domains."""

    def __init__(self, connection: Connection, cloud: str) -> None:
        self._connection = connection
        self._cloud = cloud

    def attach_disk(self, domain_id: str, disk: Disk) -> None:
        """Plug it in, unless a disk with its serial is there."""
        find = partial(xml.find_disk, serial=disk.serial)
        self._connection.call(partial(self._attach, domain_id, find, xml.disk_xml(disk)))

    def attach_nic(self, domain_id: str, nic: Nic, datapath: str) -> None:
        """Plug it in, unless the port has an interface there.

        Raises MachineFailed `instance.slots` where the guest has no slot left.
        """
        find = partial(xml.find_nic, port_id=nic.port_id)
        self._connection.call(partial(self._attach, domain_id, find, xml.nic_xml(nic, datapath)))

    def detach_disk(self, domain_id: str, serial: str, progress: Progress) -> None:
        """Ask the guest to let go of it and wait until it did, at most `DETACH_DEADLINE` seconds.

        Raises MachineFailed `volume.detach.refused` where it keeps it.
        """
        if not self._detach(domain_id, partial(xml.find_disk, serial=serial), progress):
            raise MachineFailed(
                "volume.detach.refused",
                f"the guest did not let go of {serial} within {DETACH_DEADLINE:g} s; "
                "unmount it there or stop the instance, then try again",
            )

    def detach_nic(self, domain_id: str, port_id: str, progress: Progress) -> None:
        """The same of a port's interface. Raises MachineFailed `port.detach.refused`."""
        if not self._detach(domain_id, partial(xml.find_nic, port_id=port_id), progress):
            raise MachineFailed(
                "port.detach.refused",
                f"the guest did not let go of port {port_id} within {DETACH_DEADLINE:g} s; "
                "let it finish starting, or stop the instance, then try again",
            )

    def set_link(self, domain_id: str, port_id: str, up: bool) -> None:
        """Put the cable of a port's interface in or pull it, where it is not so."""

        def work(connection: libvirt.virConnect) -> None:
            import libvirt

            domain = ownership.get_own(connection, domain_id, self._cloud)
            if domain.isActive():
                changed = xml.with_link(domain.XMLDesc(), port_id, up)
                if changed is not None:
                    domain.updateDeviceFlags(changed, libvirt.VIR_DOMAIN_AFFECT_LIVE)

        self._connection.call(work)

    def _attach(
        self, domain_id: str, find: _Find, device: str, connection: libvirt.virConnect
    ) -> None:
        import libvirt

        domain = ownership.get_own(connection, domain_id, self._cloud)
        if not domain.isActive() or find(domain.XMLDesc()) is not None:
            return
        try:
            domain.attachDeviceFlags(device, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        except libvirt.libvirtError as error:
            if "No more available PCI slots" not in str(error):
                raise
            raise MachineFailed(
                "instance.slots",
                "the guest has no free slot for another device; stop and start the instance,"
                " then it has new ones",
            ) from None

    def _detach(self, domain_id: str, find: _Find, progress: Progress) -> bool:
        """Whether the guest let go of the device in time."""
        began = time.monotonic()
        asked = -_ASK_AGAIN
        while (waited := time.monotonic() - began) < DETACH_DEADLINE:
            progress(waited / DETACH_DEADLINE)
            ask = waited - asked >= _ASK_AGAIN
            if not self._connection.call(partial(self._holds, domain_id, find, ask)):
                return True
            asked = waited if ask else asked
            time.sleep(_POLL)
        return False

    def _holds(
        self, domain_id: str, find: _Find, ask: bool, connection: libvirt.virConnect
    ) -> bool:
        """Whether the running domain has the device; with `ask` it is asked to let go of it."""
        import libvirt

        domain = ownership.find_own(connection, domain_id, self._cloud)
        if domain is None or not domain.isActive():
            return False
        device = find(domain.XMLDesc())
        if device is None:
            return False
        if ask:
            try:
                domain.detachDeviceFlags(device, libvirt.VIR_DOMAIN_AFFECT_LIVE)
            except libvirt.libvirtError as error:
                # Asked before and not done yet: "already in the process of unplug".
                if "unplug" not in str(error):
                    raise
        return True
