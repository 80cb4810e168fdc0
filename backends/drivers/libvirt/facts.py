"""Domains as libvirt has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """virDomainState, in the words that we need."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTOFF = "shutoff"
    # Shut off with a managed save image: the next start restores it.
    SAVED = "saved"
    CRASHED = "crashed"
    STOPPING = "stopping"

    # Enum's own is written in Python, and a plan of a large cloud asks for it all the time.
    __hash__ = str.__hash__


class Reason(StrEnum):
    """Who or what brought the state about, as far as it matters for who owns the difference."""

    GUEST = "guest"  # the guest shut itself down
    KILLED = "killed"  # destroyed, crashed or failed
    IO_ERROR = "io-error"  # paused because a disk failed or is full
    MIGRATING = "migrating"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DomainFact:
    """A domain that carries this cloud's metadata.

    `disks` are the serials of the disks it has now (live where it runs), `nics` the port ids,
    `unlinked` those of them whose link is down.
    `digest` and `label` are from its metadata. `hard_reboots`/`soft_reboots` are the generations
    that were done, and `launches` the last start from a changed definition, from its metadata.
    `vcpus` and `ram` (MiB) are its definition's. `sizes` are those that the guest was told of its
    volumes, as `serial=bytes`; `tunes` limits of its disks, as (serial, limit, value).
    """

    id: str
    name: str
    state: State
    reason: Reason
    digest: str
    label: str
    vcpus: int
    ram: int
    disks: frozenset[str] = frozenset()
    nics: frozenset[str] = frozenset()
    hard_reboots: int = 0
    soft_reboots: int = 0
    launches: int = 0
    unlinked: frozenset[str] = frozenset()
    sizes: frozenset[str] = frozenset()
    tunes: frozenset[tuple[str, str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class DomainStats:
    """Counters of a running domain since its start, over all its disks and interfaces.

    `cpu_ns` in nanoseconds of CPU time, `memory` what QEMU holds on the host; the rest in bytes.
    """

    cpu_ns: int
    memory: int
    disk_read: int
    disk_written: int
    net_received: int
    net_sent: int
