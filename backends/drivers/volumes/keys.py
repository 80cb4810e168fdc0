"""Keys of encrypted volumes: files that root alone reads, outside of the store and of any label."""

from __future__ import annotations

import secrets
from pathlib import Path

from backends.drivers.labels.names import check_id
from backends.errors import MachineFailed
from backends.hosts import Host
from backends.settings import Settings

_BYTES = 48


class Keys:
    """One cloud's keys, each in a file named after its id."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self._folder = settings.keys
        self._host = host

    def make(self, key_id: str) -> Path:
        """The key's file; it is made, once, where there is none."""
        path = self._path(key_id)
        if not self._host.exists(path):
            self._host.make_dir(self._folder, 0o700)
            self._host.write_text(path, secrets.token_urlsafe(_BYTES))
        return path

    def path(self, key_id: str) -> Path:
        """Its file. Raises MachineFailed `key.missing`."""
        path = self._path(key_id)
        if not self._host.exists(path):
            text = f"the key {key_id} of an encrypted volume is gone; bring {path} back"
            raise MachineFailed("key.missing", text)
        return path

    def read(self, key_id: str) -> str:
        """The key itself. Raises MachineFailed `key.missing`."""
        return self._host.read_text(self.path(key_id)) or ""

    def remove(self, key_id: str) -> None:
        """Forget it: nobody reads what it encrypted any more."""
        self._host.remove(self._path(key_id))

    def _path(self, key_id: str) -> Path:
        return self._folder / check_id(key_id)
