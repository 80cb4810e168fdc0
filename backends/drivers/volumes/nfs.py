"""Volumes as files on an export of another machine (NFS)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from backends.drivers.volumes.backend import Contents, Look
from backends.drivers.volumes.facts import PoolFact
from backends.drivers.volumes.files import FileVolumes
from backends.drivers.volumes.mounts import mounted
from backends.drivers.volumes.pool import NFS, Pool, folder_of
from backends.errors import MachineFailed
from backends.hosts import Host, LocalHost
from backends.hosts.commands import FilesByCommand
from backends.hosts.link import CONNECT, RETRY
from backends.settings import Settings

# The server is waited for, never answered for: an error in its place would be lost data (nfs(5)).
_OPTIONS = "vers=4.2,hard,timeo=600,retry=0,nodev,nosuid,noexec"
_PORT = 2049
# Seconds for a server that takes connections to answer, and to be mounted from.
_ANSWER, _MOUNT = 10.0, 60.0
_NO_CLIENT = "No such device"


class NfsVolumes(FileVolumes):
    """Nothing is read from or written to the folder below the mount.

    Who asks a server that is away waits for it in the kernel, where only a kill gets them out: so
    it is asked by commands, which have a time limit, and not before it took a connection.
    """

    def __init__(self, pool: Pool, settings: Settings, host: Host) -> None:
        there = _There(host, self._require)
        super().__init__(folder_of(pool, settings), there, pool.name, NFS)
        self._here = host
        self._export = pool.place
        self._top = self.folder.parent
        self._failed_at, self._reason = float("-inf"), ""

    def look(self, look: Look) -> Contents:
        """As in a folder, on the mounted export of a server that answers."""
        self.capacity()
        return super().look(look)

    def capacity(self) -> PoolFact:
        """The export's. Raises MachineFailed `pool.unmounted`, `pool.unreachable`."""
        self._require()
        self._reach()
        try:
            return self.space(self._top, timeout=_ANSWER)
        except MachineFailed as error:
            if error.code != "host.command.timeout":
                raise
            raise self._away(f"gave no answer within {_ANSWER:g} s") from None

    def mount(self) -> None:
        """Mount the export, with a folder of this cloud's in it.

        Raises MachineFailed `pool.nfs.missing`, `pool.nfs.kernel`, `pool.unreachable`,
        `pool.unmounted`, `pool.squashed`.
        """
        self._check_client()
        self._reach()
        if self._source() != self._export:
            self._mount()
        self._claim()

    def unmount(self) -> None:
        """Let go of the export; where its server is away, without asking it."""
        if self._source() == self._export:
            try:
                self._reach()
            except MachineFailed:
                self._detach()
            else:
                for each in (self.snapshots, self.folder):
                    self.host.run(["rmdir", str(each)], check=False)
                self._here.run(["umount", str(self._top)], timeout=_MOUNT)
        for each in (self._top, self._top.parent):
            self._here.run(["rmdir", str(each)], check=False)

    def _detach(self) -> None:
        """It is gone from here at once; only its remains wait for the server (umount(8))."""
        argv = ["umount", "--lazy", "--no-canonicalize", "--internal-only", str(self._top)]
        try:
            self._here.run(argv, timeout=_ANSWER)
        except MachineFailed:
            if self._source() == self._export:
                raise

    def _mount(self) -> None:
        if (other := self._source()) is not None:
            text = f"{other} is mounted at {self._top}; unmount it"
            raise MachineFailed("pool.unmounted", text)
        self._here.make_dir(self._top)
        argv = ["mount.nfs", self._export, str(self._top), "-o", _OPTIONS]
        done = self._here.run(argv, timeout=_MOUNT, check=False)
        if done.status == 0:
            return
        lines = done.stderr.strip().splitlines() or ["no message"]
        reason = lines[-1].rpartition(": ")[2]
        if reason.startswith(_NO_CLIENT):
            text = "this machine's kernel has no NFS client (modules nfs and nfsv4)"
            raise MachineFailed("pool.nfs.kernel", text)
        raise MachineFailed("pool.unmounted", f"{self._export} cannot be mounted: {reason}")

    def _check_client(self) -> None:
        try:
            self._here.run(["mount.nfs", "-V"], reads=True)
        except MachineFailed as error:
            if error.code != "host.command.missing":
                raise
            text = "mount.nfs is not installed; apt-get install nfs-common"
            raise MachineFailed("pool.nfs.missing", text) from None

    def _claim(self) -> None:
        """The server lets root be root, and QEMU's user can pass."""
        try:
            self.host.make_dir(self.folder)
            ours = self._stat("%u", self.folder) == "0"
            passable = int(self._stat("%a", self._top), 8) & 1
        except MachineFailed as error:
            if error.code != "host.command.failed":
                raise
            text = f"{self._export} refuses root ({error.message})"
            raise MachineFailed("pool.squashed", f"{text}: export it rw,no_root_squash") from None
        if not ours:
            text = f"{self._export} makes root another user: export it rw,no_root_squash"
            raise MachineFailed("pool.squashed", text)
        if not passable:
            text = f"QEMU's user cannot pass through {self._export}: chmod o+x it on its server"
            raise MachineFailed("pool.squashed", text)

    def _stat(self, what: str, path: Path) -> str:
        return self.host.run(["stat", f"--format={what}", str(path)], reads=True).stdout.strip()

    def _source(self) -> str | None:
        return mounted(self._here, self._top.parent).get(self._top.name)

    def _require(self) -> None:
        if self._source() != self._export:
            text = f"{self._export} is not mounted at {self._top}; `quarterdeck repair` mounts it"
            raise MachineFailed("pool.unmounted", text)

    def _reach(self) -> None:
        """Its server takes connections. Raises MachineFailed `pool.unreachable`."""
        # Who comes while it is away is told so at once: no wait of one's own for each.
        if time.monotonic() - self._failed_at < RETRY:
            raise MachineFailed("pool.unreachable", self._reason)
        server = self._export.partition(":/")[0].strip("[]")
        try:
            socket.create_connection((server, _PORT), timeout=CONNECT).close()
        except OSError as error:
            raise self._away(f"does not answer: {error.strerror or error}") from None

    def _away(self, how: str) -> MachineFailed:
        self._failed_at = time.monotonic()
        self._reason = f"NFS server {self._export.partition(':/')[0]} {how}"
        return MachineFailed("pool.unreachable", self._reason)


class _There(FilesByCommand, LocalHost):
    """This machine; no folder is made, nor a file written, where no export is mounted."""

    def __init__(self, here: Host, require: Callable[[], None]) -> None:
        super().__init__(here.name, read_only=here.read_only)
        self._require = require

    def make_dir(self, path: Path, mode: int = 0o711) -> None:
        self._require()
        super().make_dir(path, mode)
