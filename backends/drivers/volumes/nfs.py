"""Volumes as files on an export of another machine (NFS), mounted when it is needed."""

from __future__ import annotations

from collections.abc import Sequence

from backends.drivers.step import Progress
from backends.drivers.volumes.backend import Contents, Fill, Look, Moment
from backends.drivers.volumes.facts import PoolFact
from backends.drivers.volumes.files import FileVolumes
from backends.drivers.volumes.pool import NFS, Pool, folder_of
from backends.drivers.volumes.steps import Shot
from backends.errors import MachineFailed
from backends.hosts import Host
from backends.settings import Settings

# The server is waited for, never answered for: an error in its place would be lost data (nfs(5)).
_OPTIONS = "vers=4.2,hard,timeo=600,nodev,nosuid,noexec"


class NfsVolumes(FileVolumes):
    """Nothing is read from or written to the folder below the mount."""

    def __init__(self, pool: Pool, settings: Settings, host: Host) -> None:
        super().__init__(folder_of(pool, settings), host, pool.name, NFS)
        self._export = pool.place
        self._top = self.folder.parent

    def create(
        self, volume_id: str, size: int, label: str, fill: Fill | None, progress: Progress
    ) -> None:
        """As in a folder, on the mounted export."""
        self._mount()
        super().create(volume_id, size, label, fill, progress)

    def snapshot(self, shots: Sequence[Shot], moment: Moment, progress: Progress) -> None:
        """As in a folder, on the mounted export."""
        self._mount()
        super().snapshot(shots, moment, progress)

    def look(self, look: Look) -> Contents:
        """As in a folder, on the mounted export, of a server that answers."""
        self.capacity()
        return super().look(look)

    def capacity(self) -> PoolFact:
        """The export's. Raises MachineFailed `pool.unmounted`."""
        if not self.host.read_only:
            self._mount()
        self._require()
        return super().capacity()

    def unmount(self) -> None:
        """Let go of the export."""
        if self._is_mounted():
            self.host.run(["umount", str(self._top)], timeout=60.0)

    def _mount(self) -> None:
        if self._is_mounted():
            return
        self.host.make_dir(self._top)
        argv = ["mount", "-t", "nfs", "-o", _OPTIONS, self._export, str(self._top)]
        self.host.run(argv, timeout=60.0)

    def _require(self) -> None:
        if not self._is_mounted():
            text = f"{self._export} is not mounted at {self._top}; see `quarterdeck volume pool"
            raise MachineFailed("pool.unmounted", f"{text} show`")

    def _is_mounted(self) -> bool:
        found = self.host.run(
            ["findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", str(self._top)],
            reads=True,
            check=False,
        )
        return found.stdout.strip() == self._export
