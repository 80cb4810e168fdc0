"""A domain as we want it: the values that its XML is built from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple


class Disk(NamedTuple):
    """A disk; `serial` is what the guest and we know it by: the volume's id, empty for the root.

    A `target` of `sdX` makes it a CD-ROM, any other a virtio disk. `block` says that `path` is a
    block device, not a file.
    """

    path: str
    format: str
    target: str
    serial: str = ""
    read_only: bool = False
    block: bool = False


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


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """One domain. `ram` in MiB; `label` is JSON with all that rebuilding its records needs."""

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

    @property
    def digest(self) -> str:
        """Changes when any of the above does; carried in the domain's metadata."""
        parts = (*map(tuple, self.disks), *map(tuple, self.nics), _PLAIN(self))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# Plain tuples print several times faster than dataclasses, and every plan prints every domain.
_PLAIN = attrgetter(
    *(each.name for each in fields(DomainSpec) if each.name not in ("disks", "nics"))
)
