"""What a network's dnsmasq is: its files and its process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dhcp:
    """A network's DHCP server.

    `files` is the digest of its configuration, hosts and options files as they are on disk;
    `loaded` is the digest that the running process has last read; `pid` is None where no process
    of ours runs.
    """

    network_id: str
    files: str = ""
    loaded: str = ""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A line of dnsmasq's lease file. `expires` in seconds since the epoch, 0 never.

    `mac` is empty for an IPv6 lease whose client does not tell it.
    """

    expires: float
    mac: str
    address: str
    hostname: str
