"""The storage hosts that pools lie on, each reached over one kept connection."""

from __future__ import annotations

import threading
from pathlib import Path

from backends.drivers.volumes.pool import Pool, host_port
from backends.hosts import Host
from backends.hosts.link import Address
from backends.hosts.ssh import SshHost

_PORT = 22


class StorageHosts:
    """Gives a pool's host; pools of the same host share its connection. Safe from any thread."""

    def __init__(self, read_only: bool) -> None:
        self._read_only = read_only
        self._lock = threading.Lock()
        self._kept: dict[Address, SshHost] = {}

    def __call__(self, pool: Pool) -> Host:
        address = address_of(pool)
        with self._lock:
            if address not in self._kept:
                made = SshHost(pool.host, address, read_only=self._read_only)
                self._kept[address] = made
            return self._kept[address]

    def close(self) -> None:
        """End the connections; who asks next makes new ones."""
        with self._lock:
            for host in self._kept.values():
                host.close()


def address_of(pool: Pool) -> Address:
    """How a pool's host is reached."""
    host, port = host_port(pool.address, _PORT)
    return Address(host, pool.login or "root", Path(pool.key_path), pool.host_key, port)
