"""Compute: this cloud's libvirt domains, read and changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from backends.drivers.libvirt import definition, reading, states, steps
from backends.drivers.libvirt.backup import Backup
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.disks import Disks
from backends.drivers.libvirt.facts import DomainFact, DomainStats, Reason, State
from backends.drivers.libvirt.flatten import Flatten
from backends.drivers.libvirt.hotplug import Hotplug
from backends.drivers.libvirt.mirror import Mirror
from backends.drivers.libvirt.moment import GuestMoment
from backends.drivers.libvirt.power import Power
from backends.drivers.step import Progress, Step
from backends.drivers.volumes.keys import Keys
from backends.errors import Refused
from backends.hosts import Host
from backends.settings import Settings

if TYPE_CHECKING:
    import libvirt


class LibvirtDriver:
    """Applies the steps and reads the facts of `settings.cloud`'s domains.

    Every step refuses a domain that does not carry this cloud's metadata (Refused
    `libvirt.foreign`). Where the host is read-only, so is the connection.
    """

    handles: tuple[type, ...] = (
        steps.DefineDomain,
        steps.UndefineDomain,
        steps.StartDomain,
        steps.ShutDownDomain,
        steps.DestroyDomain,
        steps.PauseDomain,
        steps.ResumeDomain,
        steps.RetryDomain,
        steps.SaveDomain,
        steps.RebootDomain,
        steps.ResetDomain,
        steps.BackUpDisk,
        steps.AttachDisk,
        steps.DetachDisk,
        steps.AttachNic,
        steps.DetachNic,
        steps.SetLink,
        steps.FlattenDisk,
        steps.ResizeDisk,
        steps.TuneDisk,
        steps.LendKey,
        steps.TakeKeyBack,
    )

    def __init__(self, settings: Settings, host: Host) -> None:
        self._cloud = settings.cloud
        self._read_only = host.read_only
        self._connection = Connection(settings.libvirt_uri, read_only=host.read_only)
        self._power = Power(self._connection, settings.cloud)
        self._hotplug = Hotplug(self._connection, settings.cloud)
        self._backup = Backup(self._connection, settings.cloud, host)
        self._flatten = Flatten(self._connection, settings.cloud)
        self._disks = Disks(self._connection, settings.cloud)
        self._keys = Keys(settings, host)

    def apply(self, step: Step, progress: Progress) -> None:
        if self._read_only:
            raise Refused("host.readonly", f"read-only: cannot {step.text}")
        match step:
            case steps.DefineDomain(spec):
                self._connection.call(lambda connection: definition.define(connection, spec))
            case steps.UndefineDomain(domain_id):
                self._connection.call(
                    lambda connection: definition.undefine(connection, domain_id, self._cloud)
                )
            case steps.BackUpDisk(domain_id, path, target):
                self._backup.take(domain_id, path, target, progress)
            case steps.AttachDisk(domain_id, disk):
                self._hotplug.attach_disk(domain_id, disk)
            case steps.DetachDisk(domain_id, serial):
                self._hotplug.detach_disk(domain_id, serial, progress)
            case steps.AttachNic(domain_id, nic, datapath):
                self._hotplug.attach_nic(domain_id, nic, datapath)
            case steps.DetachNic(domain_id, port_id):
                self._hotplug.detach_nic(domain_id, port_id, progress)
            case steps.SetLink(domain_id, port_id, up):
                self._hotplug.set_link(domain_id, port_id, up)
            case _:
                self._change_disk(step, progress)

    def facts(self, ids: Collection[str] | None = None) -> Mapping[str, DomainFact]:
        """This cloud's domains by id: all, or those of `ids` that are there."""
        return self._connection.call(lambda connection: reading.facts(connection, self._cloud, ids))

    def states(self) -> Mapping[str, tuple[State, Reason]]:
        """The state of every domain of the daemon by UUID, ours or not; cheap at any number."""
        return self._connection.call(states.all_states)

    def stats(self, ids: Collection[str]) -> Mapping[str, DomainStats]:
        """Counters of those of `ids` that run. Dear (about 5 ms each): ask for what is seen."""
        return self._connection.call(lambda connection: reading.stats(connection, ids))

    def disk_counters(self, ids: Collection[str]) -> Mapping[str, tuple[int, int]]:
        """Bytes read and written by each disk's serial, of those of `ids` that run. Dear too."""
        return self._connection.call(lambda connection: reading.disk_counters(connection, ids))

    def connection(self) -> libvirt.virConnect:
        """The kept connection itself, for what reads beyond this."""
        return self._connection.call(lambda connection: connection)

    def close(self) -> None:
        """Close the connection to libvirt; the next call opens it again."""
        self._connection.close()

    def moment(self, ids: Collection[str], *, halts: bool) -> GuestMoment:
        """The running ones of these instances, to be held still; see `GuestMoment`."""
        return GuestMoment(self._connection, self._cloud, ids, halts=halts)

    def mirror(self, domain_id: str) -> Mirror:
        """What moves a disk of the instance to another place; see `Mirror`."""
        return Mirror(self._connection, self._cloud, domain_id, self._disks, self._keys)

    def take_keys_back(self) -> None:
        """Libvirt forgets every key that it has from this cloud."""
        self._disks.take_all_back()

    def _change_disk(self, step: Step, progress: Progress) -> None:
        match step:
            case steps.FlattenDisk(domain_id, disk):
                self._flatten.pull(domain_id, disk, progress)
            case steps.ResizeDisk(domain_id, serial, size):
                self._disks.resize(domain_id, serial, size)
            case steps.TuneDisk(domain_id, serial, limits):
                self._disks.tune(domain_id, serial, dict(limits))
            case steps.LendKey(key_id, use):
                self._disks.lend_key(key_id, self._keys.read(key_id), use)
            case steps.TakeKeyBack(key_id):
                self._disks.take_key_back(key_id)
            case _:
                self._switch(step, progress)

    def _switch(self, step: Step, progress: Progress) -> None:
        match step:
            case steps.StartDomain(domain_id, hard_reboots, soft_reboots, launches):
                self._power.start(domain_id, hard_reboots, soft_reboots, launches)
            case steps.ShutDownDomain(domain_id, patience):
                self._power.shut_down(domain_id, patience, progress)
            case steps.DestroyDomain(domain_id):
                self._power.destroy(domain_id)
            case steps.PauseDomain(domain_id):
                self._power.pause(domain_id)
            case steps.ResumeDomain(domain_id):
                self._power.resume(domain_id)
            case steps.RetryDomain(domain_id):
                self._power.retry(domain_id)
            case steps.SaveDomain(domain_id):
                self._power.save(domain_id)
            case steps.RebootDomain(domain_id, generation):
                self._power.reboot(domain_id, generation)
            case steps.ResetDomain(domain_id, generation):
                self._power.reset(domain_id, generation)
            case _:
                raise TypeError(f"not a step of libvirt: {step!r}")
