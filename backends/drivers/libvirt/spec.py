"""A domain as we want it: the values that its XML is built from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple

# virDomainSetBlockIoTune's limits, per second: all, or reads and writes apart.
TUNES = (
    "total_bytes_sec",
    "read_bytes_sec",
    "write_bytes_sec",
    "total_iops_sec",
    "read_iops_sec",
    "write_iops_sec",
)


class Disk(NamedTuple):
    """A disk; `serial` is what the guest and we know it by: the volume's id, empty for the root.

    A `target` of `sdX` makes it a CD-ROM, any other a virtio disk. `block` says that `path` is a
    block device, not a file. `size` in bytes, where the guest is to be told when it grows. `key` is
    the secret that opens it, `shared` says that other guests write to it too, `tune` are limits in
    libvirt's words (`TUNES`). `base` is the path and the format of what it stands on, empty for
    nothing. `kept` says that libvirt is to leave its owner as it is. `bus` is virtio where empty.
    `portal` (`address:port`) says that `path` is an iSCSI target there, whose first unit the disk
    is; the secret of the disk's serial opens it.
    """

    path: str
    format: str
    target: str
    serial: str = ""
    read_only: bool = False
    block: bool = False
    size: int = 0
    key: str = ""
    shared: bool = False
    tune: tuple[tuple[str, int], ...] = ()
    base: tuple[str, str] | tuple[()] = ()
    kept: bool = False
    bus: str = ""
    portal: str = ""


class Nic(NamedTuple):
    """An interface on the integration bridge; `vlan` is the network's on this host.

    `link` false: the guest sees its cable pulled.
    """

    port_id: str
    mac: str
    tap: str
    bridge: str
    vlan: int
    mtu: int
    link: bool = True
    model: str = "virtio"


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """One domain. `ram` in MiB; `firmware` is BIOS where empty.

    `label` is JSON with all that rebuilding its records needs.
    """

    id: str
    name: str
    title: str
    cloud: str
    type: str
    datapath: str
    vcpus: int
    ram: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    console_log: str
    label: str
    kernel: str = ""
    ramdisk: str = ""
    cmdline: str = ""
    machine: str = "q35"
    firmware: str = ""

    @property
    def sizes(self) -> str:
        """The sizes that the guest was told of its volumes: `serial=bytes`, by serial."""
        return " ".join(sorted(f"{disk.serial}={disk.size}" for disk in self.disks if disk.size))

    @property
    def digest(self) -> str:
        """Changes when any of the above does; carried in the domain's metadata."""
        parts = (*map(tuple, self.disks), *map(tuple, self.nics), _PLAIN(self))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# Plain tuples print several times faster than dataclasses, and every plan prints every domain.
_PLAIN = attrgetter(
    *(each.name for each in fields(DomainSpec) if each.name not in ("disks", "nics"))
)
