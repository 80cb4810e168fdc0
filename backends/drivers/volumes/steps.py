"""Changes of volumes, their snapshots and their pools."""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.drivers.libvirt.spec import Disk
from backends.drivers.volumes.pool import Pool


@dataclass(frozen=True, slots=True)
class Source:
    """What a volume is filled from. `kind` is `image`, `snapshot`, `volume`, `backup` or empty.

    `pool` is a snapshot's or a volume's, `size` in bytes too, where it is known; `format` an
    image's; `place` a backup's folder; `guests` are the instances that have the volume attached,
    which have to halt where QEMU may not copy.
    """

    kind: str = ""
    id: str = ""
    pool: Pool = field(default_factory=Pool)
    format: str = ""
    place: str = ""
    guests: tuple[str, ...] = ()
    halts: bool = False
    size: int = 0

    @property
    def text(self) -> str:
        """What it is called in a step's line."""
        return f", from {self.kind} {self.id}" if self.kind else ""


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Make a volume of `size` bytes with its label, empty or from a source.

    `key_id` names the key that its content is encrypted with.
    """

    id: str
    pool: Pool
    size: int
    label: str
    source: Source = field(default_factory=Source)
    key_id: str = ""

    @property
    def text(self) -> str:
        return (
            f"create volume {self.id} ({self.size >> 30} GiB, {_of(self.pool)}{self.source.text})"
        )


@dataclass(frozen=True, slots=True)
class LabelVolume:
    """Put a volume's label right."""

    id: str
    pool: Pool
    label: str

    @property
    def text(self) -> str:
        return f"label volume {self.id}"


@dataclass(frozen=True, slots=True)
class ExtendVolume:
    """Let a volume have at least `size` bytes."""

    id: str
    pool: Pool
    size: int

    @property
    def text(self) -> str:
        return f"extend volume {self.id} to {self.size >> 30} GiB"


@dataclass(frozen=True, slots=True)
class OfferVolume:
    """Let instances here reach a volume of a storage host, by iSCSI, as large as it is.

    `guests` have it attached: they halt for the moment in which a larger one takes its place.
    """

    id: str
    pool: Pool
    size: int
    guests: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"offer volume {self.id} by iSCSI from {self.pool.host}"


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    """Remove a volume by its recorded id from a pool.

    `keeps_key`: another pool of a storage host has it, whose target the same key opens.
    """

    id: str
    pool: Pool
    keeps_key: bool = False

    @property
    def text(self) -> str:
        return f"remove volume {self.id} from {_of(self.pool)}"


@dataclass(frozen=True, slots=True)
class CopyVolume:
    """Copy a volume into another pool.

    `guest` is the instance that has it, and goes over to the copy where it runs: the `disk` that it
    has then.
    """

    id: str
    pool: Pool
    target: Pool
    size: int
    label: str
    guest: str = ""
    disk: Disk | None = None

    @property
    def text(self) -> str:
        return f"copy volume {self.id} from {_of(self.pool)} to {_of(self.target)}"


@dataclass(frozen=True, slots=True)
class Shot:
    """A snapshot to be made: of which volume, under which id, with which label."""

    volume_id: str
    snapshot_id: str
    label: str


@dataclass(frozen=True, slots=True)
class CreateSnapshots:
    """Make snapshots of volumes of a pool, all of one moment.

    `guests` are the instances that have one of the volumes attached. They go on meanwhile, unless
    it `halts` them: what QEMU copies of an encrypted volume would be in the clear.
    """

    pool: Pool
    shots: tuple[Shot, ...]
    guests: tuple[str, ...] = ()
    halts: bool = False

    @property
    def text(self) -> str:
        names = ", ".join(shot.volume_id for shot in self.shots)
        return f"snapshot volume {names}"


@dataclass(frozen=True, slots=True)
class LabelSnapshot:
    """Put a snapshot's label right."""

    id: str
    pool: Pool
    label: str

    @property
    def text(self) -> str:
        return f"label snapshot {self.id}"


@dataclass(frozen=True, slots=True)
class RemoveSnapshot:
    """Remove a snapshot by its recorded id."""

    id: str
    pool: Pool

    @property
    def text(self) -> str:
        return f"remove snapshot {self.id}"


@dataclass(frozen=True, slots=True)
class RevertVolume:
    """Give a volume the content of its snapshot."""

    id: str
    snapshot_id: str
    pool: Pool
    size: int

    @property
    def text(self) -> str:
        return f"revert volume {self.id} to snapshot {self.snapshot_id}"


@dataclass(frozen=True, slots=True)
class RemoveKey:
    """Remove the key of an encrypted volume that is gone with all its copies."""

    id: str

    @property
    def text(self) -> str:
        return f"forget key {self.id}"


@dataclass(frozen=True, slots=True)
class MountPool:
    """Mount a pool's export."""

    pool: Pool

    @property
    def text(self) -> str:
        return f"mount {self.pool.place} for pool {self.pool.name}"


@dataclass(frozen=True, slots=True)
class DropPool:
    """Let go of a pool: unmount an export. What lies in it is left alone."""

    pool: Pool

    @property
    def text(self) -> str:
        return f"let go of pool {self.pool.name}"


def _of(pool: Pool) -> str:
    where = f" on {pool.host}" if pool.host else ""
    return f"{pool.driver}{where}" if pool.name == Pool().name else f"pool {pool.name}{where}"


@dataclass(frozen=True, slots=True)
class CreateBackup:
    """Copy a volume or its snapshot (`source`) into a folder, piece by piece.

    `parent` is the folder of the backup that it has the differences to, empty for a full one.
    """

    id: str
    folder: str
    source: Source
    size: int
    parent: str = ""

    @property
    def text(self) -> str:
        kind = "changes" if self.parent else "all"
        return f"back up {kind} of {self.source.kind} {self.source.id} as {self.id}"


@dataclass(frozen=True, slots=True)
class RestoreBackup:
    """Write a backup over a volume that nobody uses, each piece held to its checksum."""

    id: str
    pool: Pool
    size: int
    backup_id: str
    folder: str

    @property
    def text(self) -> str:
        return f"restore backup {self.backup_id} to volume {self.id}"


@dataclass(frozen=True, slots=True)
class VerifyBackup:
    """Read a backup and hold each piece to its checksum."""

    id: str
    folder: str

    @property
    def text(self) -> str:
        return f"verify backup {self.id}"


@dataclass(frozen=True, slots=True)
class RemoveBackup:
    """Remove a backup's folder by its recorded id."""

    id: str
    folder: str

    @property
    def text(self) -> str:
        return f"remove backup {self.id}"


OF_BACKUPS = (CreateBackup, RestoreBackup, VerifyBackup, RemoveBackup)
ALL = (
    CreateVolume,
    LabelVolume,
    ExtendVolume,
    OfferVolume,
    RemoveVolume,
    CopyVolume,
    CreateSnapshots,
    LabelSnapshot,
    RemoveSnapshot,
    RevertVolume,
    RemoveKey,
    MountPool,
    DropPool,
    *OF_BACKUPS,
)
