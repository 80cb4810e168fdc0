"""Changes of a network's DHCP and DNS server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

Files = tuple[tuple[str, str], ...]


def digest(files: Files) -> str:
    """A short digest of file names and texts, in whatever order they come."""
    hasher = hashlib.sha256()
    for name, text in sorted(files):
        hasher.update(f"{name}\0{text}\0".encode())
    return hasher.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ServeDhcp:
    """Write the files of a network's dnsmasq and have it serve them.

    `files` are `(name, text)`: `dnsmasq.conf`, `hosts`, `options`, `names` (of config.build). Where
    only the last three changed the running process is sent SIGHUP; a changed configuration, a lease
    to be released, or no process, means a new process in `namespace`. Other leases are kept.
    """

    network_id: str
    namespace: str
    files: Files

    @property
    def text(self) -> str:
        return f"serve DHCP on network {self.network_id}"


@dataclass(frozen=True, slots=True)
class StopDhcp:
    """End a network's dnsmasq by its recorded pid, and remove its files."""

    network_id: str

    @property
    def text(self) -> str:
        return f"stop DHCP on network {self.network_id}"


@dataclass(frozen=True, slots=True)
class Advertise:
    """Have a dnsmasq in a router's namespace advertise its IPv6 prefixes (RFC 4861).

    `files` are those of advertisement.build.
    """

    router_id: str
    namespace: str
    files: Files

    @property
    def text(self) -> str:
        return f"advertise IPv6 prefixes by router {self.router_id}"


@dataclass(frozen=True, slots=True)
class StopAdvertising:
    """End a router's dnsmasq by its recorded pid, and remove its files."""

    router_id: str

    @property
    def text(self) -> str:
        return f"stop router advertisements of router {self.router_id}"
