"""What changes of a disk while its guest runs: its size, its limits, the key that opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from backends.drivers.libvirt import ownership, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.spec import TUNES
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt


class Disks:
    """The disks of one cloud's running domains, by their serials."""

    def __init__(self, connection: Connection, cloud: str) -> None:
        self._connection = connection
        self._cloud = cloud

    def resize(self, domain_id: str, serial: str, size: int) -> None:
        """Tell the guest that the disk has `size` bytes, unless it has as many."""

        def work(domain: libvirt.virDomain, target: str) -> None:
            import libvirt

            if domain.blockInfo(target)[0] < size:
                domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

        self._on(domain_id, serial, work)

    def tune(self, domain_id: str, serial: str, limits: Mapping[str, int]) -> None:
        """Limit the disk; what is not named is not limited."""

        def work(domain: libvirt.virDomain, target: str) -> None:
            import libvirt

            wanted = dict.fromkeys(TUNES, 0) | dict(limits)
            # QEMU takes a total or its two parts, so the old ones go first.
            domain.setBlockIoTune(target, dict.fromkeys(TUNES, 0), libvirt.VIR_DOMAIN_AFFECT_LIVE)
            domain.setBlockIoTune(target, wanted, libvirt.VIR_DOMAIN_AFFECT_LIVE)

        self._on(domain_id, serial, work)

    def lend_key(self, key_id: str, key: str, use: str) -> None:
        """Let libvirt open what the key is for. It keeps it in its memory alone."""

        def work(connection: libvirt.virConnect) -> None:
            secret = connection.secretDefineXML(xml.secret_xml(key_id, self._cloud, use))
            secret.setValue(key.encode())

        self._connection.call(work)

    def take_key_back(self, key_id: str) -> None:
        """Libvirt forgets the key, if it has it from this cloud."""

        def work(connection: libvirt.virConnect) -> None:
            import libvirt

            try:
                secret = connection.secretLookupByUUIDString(key_id)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_SECRET:
                    return
                raise
            if secret.usageID() == xml.secret_usage(key_id, self._cloud):
                secret.undefine()

        self._connection.call(work)

    def take_all_back(self) -> None:
        """Libvirt forgets every key that it has from this cloud."""

        def work(connection: libvirt.virConnect) -> None:
            for secret in connection.listAllSecrets():
                if secret.usageID().startswith(xml.secret_usage("", self._cloud)):
                    secret.undefine()

        self._connection.call(work)

    def _on(
        self, domain_id: str, serial: str, work: Callable[[libvirt.virDomain, str], None]
    ) -> None:
        def on_connection(connection: libvirt.virConnect) -> None:
            domain = ownership.get_own(connection, domain_id, self._cloud)
            if not domain.isActive():
                return
            target = xml.target_of_serial(domain.XMLDesc(), serial)
            if target is None:
                text = f"the guest of {domain_id} does not have volume {serial}"
                raise MachineFailed("libvirt.disk.missing", text)
            work(domain, target)

        self._connection.call(on_connection)
