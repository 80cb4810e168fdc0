"""A storage host that is a lab node: a thick and a thin pool of real LVM, behind real iSCSI."""

from __future__ import annotations

from backends.cloud import Cloud
from backends.hosts.link import key_text, scan
from backends.services.pool import NewPool
from backends.services.volume import NewVolume
from tests.real.guest import Guest
from tests.real.lab import Lab, eventually
from tests.real.node.node import Node

THICK, THIN, HOST = "thick", "thin", "barn"
GROUP = "vg"
_MIB = 1 << 20


class Farm:
    """The node's LVM and targets, and the cloud's pools on them."""

    def __init__(self, node: Node, *, thin_size: str = "3G") -> None:
        self.node = node
        node.run("vgcreate", GROUP, node.disk(0), node.disk(1))
        node.run(
            "lvcreate", "--yes", "--type", "thin-pool", "--size", thin_size,
            "--poolmetadatasize", "64M", "--name", "pool", GROUP,
        )  # fmt: skip
        # Else who writes waits for a minute first (dm-thin's no_space_timeout).
        node.run("lvchange", "--errorwhenfull", "y", f"{GROUP}/pool")
        self.start_targets()

    def start_targets(self) -> None:
        """The daemon forgets all targets when the node goes down."""
        self.node.run("tgtd")
        show = ("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target")
        eventually(lambda: self.node.attempt(*show).returncode == 0, "tgtd answers")

    def pools(self, cloud: Cloud) -> None:
        """Tell a cloud of both."""
        for name, driver, place in ((THICK, "lvm", GROUP), (THIN, "lvm-thin", f"{GROUP}/pool")):
            self.pool(cloud, name, driver, place)

    def pool(self, cloud: Cloud, name: str, driver: str, place: str) -> None:
        """Tell a cloud of one."""
        host_key, key = key_text(scan(self.node.address)), str(self.node.key)
        new = NewPool(name, driver, place, HOST, self.node.address, "root", key, host_key)
        cloud.pools.create(new)

    def things(self, lab: Lab) -> list[str]:
        """What the node has of a cloud: volumes, targets, accounts, sessions."""
        volumes = self.node.run("lvs", "--noheadings", "-o", "lv_name,lv_tags", GROUP).splitlines()
        targets = self.node.run("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target")
        accounts = self.node.run("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "account")
        return [
            *(line.split()[0] for line in volumes if lab.name in line),
            *(line for line in targets.splitlines() if lab.name in line),
            *(line.strip() for line in accounts.splitlines()[1:]),
        ]


def write(guest: Guest, volume_id: str, *, place: int = 3, text: str = "pattern") -> str:
    """Write 1 MiB that only this text makes, at `place` MiB; returns their checksum."""
    device = guest.disk(volume_id)
    make = f"yes {text} | head -c {_MIB}"
    guest.run(
        f"{make} | dd of={device} bs=1M seek={place} iflag=fullblock conv=notrunc,fsync 2>/dev/null"
    )
    return guest.run(f"{make} | sha256sum").split()[0]


def read(guest: Guest, volume_id: str, *, place: int = 3) -> str:
    """The checksum of 1 MiB at `place` MiB."""
    device = guest.disk(volume_id)
    return guest.run(f"dd if={device} bs=1M skip={place} count=1 2>/dev/null | sha256sum").split()[
        0
    ]


def make(cloud: Cloud, name: str, pool: str, **values: object) -> str:
    """A volume of 1 GiB in a pool."""
    return cloud.volumes.make(NewVolume(name, 1, pool=pool, **values)).id  # type: ignore[arg-type]
