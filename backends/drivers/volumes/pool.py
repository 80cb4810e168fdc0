"""Where volumes lie: what a driver needs to know of a pool. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from backends.settings import DEFAULT_POOL, Settings

FILE, NFS, LVM, LVM_THIN = "file", "nfs", "lvm", "lvm-thin"
DRIVERS = (FILE, NFS, LVM, LVM_THIN)
# Drivers whose volumes take space only as they are written.
THIN = (FILE, NFS, LVM_THIN)
AUTHORITY = "iqn.2026-11.local.quarterdeck"
_ISCSI_PORT = 3260
# What the frame of QEMU's LUKS driver takes before the content (LUKS1: header and key slots).
LUKS_HEADER = 4040 * 512


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as its record has it, without what only the store has to know.

    `place` is the folder, the export, the volume group or `group/pool`. Empty `host` is this
    machine; else `address`, `login`, `key_path` and `host_key` are how it is reached by SSH, and
    `portal` is where instances reach its iSCSI targets.
    """

    name: str = DEFAULT_POOL
    driver: str = FILE
    place: str = ""
    host: str = ""
    address: str = ""
    login: str = ""
    key_path: str = ""
    host_key: str = ""
    portal: str = ""

    @property
    def group(self) -> str:
        """The LVM volume group."""
        return self.place.partition("/")[0]

    @property
    def thin_pool(self) -> str:
        """The thin pool in the group; empty for what is none."""
        return self.place.partition("/")[2] if self.driver == LVM_THIN else ""

    @property
    def is_block(self) -> bool:
        """Whether its volumes are block devices."""
        return self.driver in (LVM, LVM_THIN)

    @property
    def can_be_away(self) -> bool:
        """Whether it lies on another machine."""
        return bool(self.host) or self.driver == NFS


_NAMES = tuple(each.name for each in fields(Pool))


def pool_of(values: object) -> Pool:
    """The pool of a record, or of anything with its attributes."""
    return Pool(**{name: getattr(values, name) for name in _NAMES})


def iqn(cloud: str, volume_id: str, pool: Pool) -> str:
    """A volume's iSCSI target (RFC 3720, section 3.2.6.3.1); one that moves may have two."""
    return f"{AUTHORITY}:{cloud}.{account(volume_id, pool)}"


def account(volume_id: str, pool: Pool) -> str:
    """Who may log in to its target."""
    return f"{volume_id}.{pool.name}"


def volume_name(volume_id: str, pool: Pool) -> str:
    """A volume's logical volume: one that moves may have one in each pool of a group."""
    return f"volume-{volume_id}" + (f".{pool.thin_pool}" if pool.thin_pool else "")


def portal(pool: Pool) -> tuple[str, int]:
    """Where a pool's targets are: its portal, else its host."""
    if pool.portal:
        return host_port(pool.portal, _ISCSI_PORT)
    return host_port(pool.address, _ISCSI_PORT)[0], _ISCSI_PORT


def host_port(text: str, usual: int) -> tuple[str, int]:
    """`host`, `host:port` or `[address]:port`; an IPv6 address alone has no port (RFC 3986)."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and port.isdigit() and (bracketed or ":" not in host):
        return host.strip("[]"), int(port)
    return text.strip("[]"), usual


def default_pool(settings: Settings) -> Pool:
    """The pool that every cloud has: its volume group, or its folder of files."""
    if settings.volume_group:
        return Pool(driver=LVM, place=settings.volume_group)
    return Pool(driver=FILE, place=str(settings.volumes))


def of_labels(labels: Iterable[str]) -> list[Pool]:
    """The pools that label files tell of; what is not readable is none."""
    found = []
    for text in labels:
        try:
            values = json.loads(text)["pool"]
            found.append(Pool(**{name: str(values[name]) for name in _NAMES}))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def folder_of(pool: Pool, settings: Settings) -> Path:
    """Where a pool of files keeps this cloud's: others may use the place too."""
    if pool.name == DEFAULT_POOL:
        return settings.volumes
    top = settings.mounts / pool.name if pool.driver == NFS else Path(pool.place)
    return top / f"quarterdeck-{settings.cloud}"


def path_of(pool: Pool, settings: Settings, volume_id: str) -> Path:
    """Where the host of the pool finds a volume: a file or a block device."""
    if pool.is_block:
        return Path("/dev") / pool.group / volume_name(volume_id, pool)
    return folder_of(pool, settings) / volume_id


def place_of(pool: Pool, settings: Settings, volume_id: str) -> str:
    """Where a guest here finds a volume: a file, a block device, or an iSCSI target."""
    if pool.host:
        return iqn(settings.cloud, volume_id, pool)
    return str(path_of(pool, settings, volume_id))
