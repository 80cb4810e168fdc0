"""Changes of libvirt domains: named by their UUID, refused where they lack our metadata."""

from __future__ import annotations

from dataclasses import dataclass

from backends.drivers.libvirt.spec import Disk, DomainSpec, Nic


@dataclass(frozen=True, slots=True)
class DefineDomain:
    """Define a domain or redefine it; a running one also gets its live metadata put right."""

    spec: DomainSpec

    @property
    def text(self) -> str:
        return f"define domain {self.spec.name} ({self.spec.title})"


@dataclass(frozen=True, slots=True)
class UndefineDomain:
    """Forget a domain that does not run, with its managed save and NVRAM."""

    id: str

    @property
    def text(self) -> str:
        return f"undefine domain {self.id}"


@dataclass(frozen=True, slots=True)
class StartDomain:
    """Start a domain; one with a managed save is restored.

    Generations of reboots and launches asked for until now count as done with it.
    """

    id: str
    hard_reboots: int = 0
    soft_reboots: int = 0
    launches: int = 0

    @property
    def text(self) -> str:
        return f"start domain {self.id}"


@dataclass(frozen=True, slots=True)
class ShutDownDomain:
    """Ask the guest to shut down, wait `patience` seconds for it, then pull the plug."""

    id: str
    patience: float = 20.0

    @property
    def text(self) -> str:
        return f"shut down domain {self.id}"


@dataclass(frozen=True, slots=True)
class DestroyDomain:
    """Pull the plug."""

    id: str

    @property
    def text(self) -> str:
        return f"pull the plug of domain {self.id}"


@dataclass(frozen=True, slots=True)
class PauseDomain:
    """Stop its vCPUs; memory stays."""

    id: str

    @property
    def text(self) -> str:
        return f"pause domain {self.id}"


@dataclass(frozen=True, slots=True)
class ResumeDomain:
    """Let a paused domain go on."""

    id: str

    @property
    def text(self) -> str:
        return f"resume domain {self.id}"


@dataclass(frozen=True, slots=True)
class RetryDomain:
    """Let a domain go on whose disk failed or was full: it writes again what it could not."""

    id: str

    @property
    def text(self) -> str:
        return f"let domain {self.id} try its disk again"


@dataclass(frozen=True, slots=True)
class SaveDomain:
    """Write its memory to disk and end it (managed save)."""

    id: str

    @property
    def text(self) -> str:
        return f"save domain {self.id} to disk"


@dataclass(frozen=True, slots=True)
class RebootDomain:
    """Ask the guest to reboot, and note the generation in its metadata."""

    id: str
    generation: int

    @property
    def text(self) -> str:
        return f"ask domain {self.id} to reboot"


@dataclass(frozen=True, slots=True)
class ResetDomain:
    """Press its reset button, and note the generation in its metadata."""

    id: str
    generation: int

    @property
    def text(self) -> str:
        return f"reset domain {self.id}"


@dataclass(frozen=True, slots=True)
class BackUpDisk:
    """Copy a running domain's disk, the file `disk`, to the file `target` as it is at one moment.

    A domain that does not run is left alone: its disk can be read as it is.
    """

    id: str
    disk: str
    target: str

    @property
    def text(self) -> str:
        return f"copy the root disk of domain {self.id} while it runs"


@dataclass(frozen=True, slots=True)
class AttachDisk:
    """Plug a disk into a running domain (the definition follows by DefineDomain)."""

    id: str
    disk: Disk

    @property
    def text(self) -> str:
        return f"attach {self.disk.serial} to domain {self.id} as {self.disk.target}"


@dataclass(frozen=True, slots=True)
class DetachDisk:
    """Unplug a disk by its serial, and wait until the guest let go of it."""

    id: str
    serial: str

    @property
    def text(self) -> str:
        return f"detach {self.serial} from domain {self.id}"


@dataclass(frozen=True, slots=True)
class FlattenDisk:
    """Copy into a running guest's disk, by its file, what it stands on; then it stands on nothing.

    One that is off is left as it is.
    """

    id: str
    disk: str

    @property
    def text(self) -> str:
        return f"copy into the root disk of {self.id} what it stands on, while it runs"


@dataclass(frozen=True, slots=True)
class ResizeDisk:
    """Tell a running guest that a disk, by its serial, has grown to `size` bytes."""

    id: str
    serial: str
    size: int

    @property
    def text(self) -> str:
        return f"show {self.size >> 30} GiB of {self.serial} to domain {self.id}"


@dataclass(frozen=True, slots=True)
class TuneDisk:
    """Limit a running guest's disk, by its serial; no `limits` are none."""

    id: str
    serial: str
    limits: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        limits = ", ".join(f"{name}={value}" for name, value in self.limits)
        return f"limit {self.serial} of domain {self.id} to {limits or 'nothing'}"


# What a key that libvirt is lent is for.
LUKS, ISCSI = "volume", "iscsi"


@dataclass(frozen=True, slots=True)
class LendKey:
    """Let libvirt open an encrypted volume, or log in to its target, until it is started anew."""

    id: str
    use: str = LUKS

    @property
    def text(self) -> str:
        return f"lend key {self.id} to libvirt"


@dataclass(frozen=True, slots=True)
class TakeKeyBack:
    """Libvirt is to open the encrypted volume no more."""

    id: str

    @property
    def text(self) -> str:
        return f"take key {self.id} back from libvirt"


@dataclass(frozen=True, slots=True)
class AttachNic:
    """Plug an interface into a running domain (the definition follows by DefineDomain)."""

    id: str
    nic: Nic
    datapath: str

    @property
    def text(self) -> str:
        return f"plug port {self.nic.port_id} into domain {self.id} as {self.nic.tap}"


@dataclass(frozen=True, slots=True)
class DetachNic:
    """Unplug the interface of a port, and wait until the guest let go of it."""

    id: str
    port_id: str

    @property
    def text(self) -> str:
        return f"unplug port {self.port_id} from domain {self.id}"


@dataclass(frozen=True, slots=True)
class SetLink:
    """Put the cable of a running domain's interface in, or pull it."""

    id: str
    port_id: str
    up: bool

    @property
    def text(self) -> str:
        return f"set the link of port {self.port_id} {'up' if self.up else 'down'}"
