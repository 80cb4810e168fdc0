"""Volumes, whatever they are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from backends.drivers.step import Progress, Step
from backends.drivers.volumes import files, lvm
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.files import FileVolumes
from backends.drivers.volumes.lvm import LogicalVolumes
from backends.drivers.volumes.steps import CreateVolume, LabelVolume, RemoveVolume
from backends.errors import Refused
from backends.hosts import Host
from backends.settings import Settings


class VolumeDriver:
    """Applies the steps and reads the facts of one cloud's volumes on a host.

    `lvm_arguments` go to every LVM command, `lvm_creation` to lvcreate alone.
    """

    handles: tuple[type, ...] = (CreateVolume, LabelVolume, RemoveVolume)

    def __init__(
        self,
        settings: Settings,
        host: Host,
        lvm_arguments: Sequence[str] = (),
        lvm_creation: Sequence[str] = (),
    ) -> None:
        self._files = FileVolumes(settings, host)
        self._lvm = LogicalVolumes(settings, host, lvm_arguments, lvm_creation)

    def apply(self, step: Step, progress: Progress) -> None:
        match step:
            case CreateVolume(volume_id, driver, size, label):
                self._of(driver).create(volume_id, size, label)
            case LabelVolume(volume_id, driver, label):
                self._of(driver).label(volume_id, label)
            case RemoveVolume(volume_id, lvm.DRIVER):
                self._lvm.remove(volume_id, progress)
            case RemoveVolume(volume_id, files.DRIVER):
                self._files.remove(volume_id)
            case _:
                raise TypeError(f"not a step of volumes: {step!r}")

    def facts(self, ids: Collection[str] | None = None) -> Mapping[str, VolumeFact]:
        """The volumes by id: all, or those of `ids` that are there."""
        return {**self._files.facts(ids), **self._lvm.facts(ids)}

    def leftovers(self) -> frozenset[str]:
        """Ids of volumes that are not there, of which an interrupted step left something.

        RemoveVolume removes that too, and CreateVolume makes it whole.
        """
        return self._files.leftovers()

    def path(self, volume_id: str, driver: str) -> Path:
        """Where QEMU finds the volume: a file or a block device."""
        return self._of(driver).path(volume_id)

    def _of(self, driver: str) -> FileVolumes | LogicalVolumes:
        if driver == files.DRIVER:
            return self._files
        if driver == lvm.DRIVER:
            return self._lvm
        raise Refused("volume.driver.unknown", f"there is no volume driver {driver!r}")
