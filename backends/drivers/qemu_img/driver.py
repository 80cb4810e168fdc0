"""Image files, root disks and config drives of one cloud."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import BinaryIO

from backends.drivers.qemu_img import commit
from backends.drivers.qemu_img.facts import ImageFile, InstanceFiles
from backends.drivers.qemu_img.images import ImageDescription, Images
from backends.drivers.qemu_img.instances import InstanceFolders
from backends.drivers.qemu_img.rebase import check_disk, rebase
from backends.drivers.qemu_img.save import save
from backends.drivers.qemu_img.steps import (
    CheckDisk,
    CloseImage,
    CommitDisk,
    ConvertImage,
    CopyDisk,
    CopyOut,
    CreateConfigDrive,
    CreateOverlay,
    EmptyDisk,
    ImportImage,
    RebaseDisk,
    RemoveDisk,
    RemoveImage,
    RemoveInstanceFiles,
    SaveImage,
    VerifyImage,
)
from backends.drivers.step import Progress, Step
from backends.errors import Refused
from backends.hosts import Host
from backends.settings import Settings


class QemuImgDriver:
    """Applies the steps and reads the facts of images' and instances' files."""

    handles: tuple[type, ...] = (
        ImportImage,
        RemoveImage,
        ConvertImage,
        CloseImage,
        VerifyImage,
        SaveImage,
        RebaseDisk,
        CommitDisk,
        EmptyDisk,
        CheckDisk,
        CreateOverlay,
        CopyDisk,
        CopyOut,
        RemoveDisk,
        CreateConfigDrive,
        RemoveInstanceFiles,
    )

    def __init__(self, settings: Settings, host: Host) -> None:
        self._read_only = host.read_only
        self._images = Images(settings, host)
        self._instances = InstanceFolders(settings, host, self._images)

    def apply(self, step: Step, progress: Progress) -> None:
        if self._read_only:
            raise Refused("host.readonly", f"read-only: cannot {step.text}")
        match step:
            case ImportImage():
                self._images.add(step, progress)
            case RemoveImage(image_id):
                self._images.remove(image_id)
            case ConvertImage():
                self._images.convert(step, progress)
            case CloseImage(image_id):
                self._images.close(image_id)
            case VerifyImage():
                self._images.verify(step, progress)
            case SaveImage(image_id, path, uid):
                save(self._images, image_id, path, uid, progress)
            case RebaseDisk():
                rebase(self._instances, step, progress)
            case CommitDisk():
                commit.commit(self._instances, self._images, step, progress)
            case EmptyDisk():
                commit.empty(self._instances, step)
            case CheckDisk(instance_id, disk):
                check_disk(self._instances, instance_id, disk)
            case CreateOverlay():
                self._instances.create_overlay(step, progress)
            case CopyDisk():
                self._instances.copy_disk(step)
            case CopyOut():
                self._instances.copy_out(step)
            case RemoveDisk(instance_id, disk):
                self._instances.remove_disk(instance_id, disk)
            case CreateConfigDrive():
                self._instances.create_config_drive(step)
            case RemoveInstanceFiles(instance_id):
                self._instances.remove(instance_id)
            case _:
                raise TypeError(f"not a step of qemu_img: {step!r}")

    def images(self, ids: Collection[str] | None = None) -> Mapping[str, ImageFile]:
        """The images by id: all, or those of `ids` that are there."""
        return self._images.facts(ids)

    def files(self, ids: Collection[str] | None = None) -> Mapping[str, InstanceFiles]:
        """What instances' folders hold: of all, or of those of `ids` that have one."""
        return self._instances.facts(ids)

    def describe(self, image_id: str) -> ImageDescription:
        """What the import found of an image. Raises MachineFailed `image.missing`."""
        return self._images.describe(image_id)

    def offer(self, image_id: str, stream: BinaryIO) -> None:
        """What an image's import is to read where its source is what is piped in."""
        self._images.offer(image_id, stream)

    def leftovers(self) -> frozenset[str]:
        """Ids that are no image here, of which an interrupted import left something.

        RemoveImage removes that; ImportImage begins again.
        """
        return self._images.leftovers()
