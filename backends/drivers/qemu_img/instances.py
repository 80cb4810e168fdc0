"""The files of instances: their root disks and config drives."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from backends.drivers.labels.names import check_id, is_id
from backends.drivers.qemu_img import formats
from backends.drivers.qemu_img.backing import backing_file
from backends.drivers.qemu_img.convert import convert
from backends.drivers.qemu_img.facts import InstanceFiles
from backends.drivers.qemu_img.images import Images
from backends.drivers.qemu_img.steps import CopyDisk, CopyOut, CreateConfigDrive, CreateOverlay
from backends.drivers.step import Progress
from backends.errors import MachineFailed, Refused
from backends.hosts import Host, listing
from backends.settings import Settings

_DISK = re.compile(r"(disk(-\d+)?|rescue|capture-[0-9a-f-]{36})\.qcow2")
_COPY_DEADLINE = 6 * 3600.0
_CONFIG = "config-"
_ISO = ".iso"
# The layout that OpenStack gives its config drives, so that cloud-init finds long names.
_ISO_OPTIONS = (
    "-quiet",
    "-volid",
    "config-2",
    "-joliet",
    "-rational-rock",
    "-ldots",
    "-allow-lowercase",
    "-allow-multidot",
    "-l",
)
_MAKERS = (("genisoimage",), ("xorriso", "-as", "mkisofs"))


class InstanceFolders:
    """The folders of one cloud's instances."""

    def __init__(self, settings: Settings, host: Host, images: Images) -> None:
        self._settings = settings
        self._host = host
        self._images = images

    def create_overlay(self, step: CreateOverlay, progress: Progress) -> None:
        """Make the root disk, unless there is one: it may hold what the guest wrote.

        Raises MachineFailed `image.missing`; Refused `overlay.too_small`, `image.format.unknown`,
        `image.expands`.
        """
        disk = self._disk(step.instance_id, step.disk)
        if self._host.exists(disk):
            return
        self._host.make_dir(disk.parent)
        new = self._draft(disk)
        size = [str(step.size)] if step.size else []
        if step.image_id is not None and step.image_format in formats.FOREIGN:
            self._copy_image(step, new, progress)
        else:
            base = self._backing(step)
            self._host.run(["qemu-img", "create", "-q", "-f", "qcow2", *base, str(new), *size])
        self._publish(new, disk, "0600")

    def _copy_image(self, step: CreateOverlay, new: Path, progress: Progress) -> None:
        """What QEMU's drivers for other systems' formats read, they read once, and as nobody."""
        image_id = step.image_id or ""
        self._check_size(step.size, image_id)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        convert(self._settings.image(image_id), step.image_format, new, "qcow2", progress)
        if step.size:
            self._host.run(["qemu-img", "resize", "-q", "-f", "qcow2", str(new), str(step.size)])

    def empty_disk(self, instance_id: str, name: str, base: tuple[str, str], size: int) -> None:
        """Put in a disk's place one of `size` bytes with nothing in it but its base.

        `base` is the id of the image and QEMU's word for its format.
        """
        disk = self._disk(instance_id, name)
        new = self._draft(disk)
        backing = ["-b", str(self.image(base[0])), "-F", base[1]]
        self._host.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(new), str(size)])
        self._publish(new, disk, "0600")

    def copy_disk(self, step: CopyDisk) -> None:
        """Copy it under another name, enlarge that, then name it. Its holes stay holes."""
        disk = self._disk(step.instance_id, step.disk)
        if self._host.exists(disk):
            return
        new = self._draft(disk)
        source = self._disk(step.instance_id, step.source)
        self._host.run(
            ["cp", "--sparse=always", "--reflink=auto", "--", str(source), str(new)],
            timeout=_COPY_DEADLINE,
        )
        self._host.run(["qemu-img", "resize", "-q", "-f", "qcow2", str(new), str(step.size)])
        self._publish(new, disk, "0600")

    def copy_out(self, step: CopyOut) -> None:
        """Flatten it under another name, then name it. QEMU refuses a disk that a guest writes."""
        copy = self._disk(step.instance_id, step.copy)
        if self._host.exists(copy):
            return
        new = self._draft(copy)
        source = self._disk(step.instance_id, step.disk)
        self._host.run(
            ["qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", str(source), str(new)],
            timeout=_COPY_DEADLINE,
        )
        self._publish(new, copy, "0600")

    def remove_disk(self, instance_id: str, disk: str) -> None:
        """Remove one of its disks."""
        path = self._disk(instance_id, disk)
        self._host.remove(path)
        self._host.remove(path.with_name(f".{disk}.partial"))

    def create_config_drive(self, step: CreateConfigDrive) -> None:
        """Make the drive under its digest's name, then remove older ones."""
        folder = self._settings.instance(check_id(step.instance_id))
        drive = folder / f"{_CONFIG}{check_id(step.digest)}{_ISO}"
        if not self._host.exists(drive):
            self._host.make_dir(folder)
            tree = folder / ".config"
            self._host.remove_tree(tree)
            # What goes into it may be secret: nobody else may look in, not even for a moment.
            self._host.make_dir(tree, 0o700)
            try:
                for name, text in step.files:
                    self._host.write_text(tree / _inside(name), text)
                new = folder / f".{drive.name}.partial"
                self._master(tree, new)
            finally:
                # Before the drive has its name: killed in between, all of this is done again.
                self._host.remove_tree(tree)
            self._publish(new, drive, "0400")
        for name in self._host.list_dir(folder):
            if _digest(name) and name != drive.name:
                self._host.remove(folder / name)

    def remove(self, instance_id: str) -> None:
        """Remove the instance's folder and all in it."""
        self._host.remove_tree(self._settings.instance(check_id(instance_id)))

    def facts(self, ids: Collection[str] | None) -> Mapping[str, InstanceFiles]:
        """What the folders hold: of all instances, or of those of `ids` that have one."""
        folder = self._settings.instance("")
        if not self._host.exists(folder):
            return {}
        if ids is None:
            return self._find(folder)
        found = {}
        for each in ids:
            path = self._settings.instance(check_id(each))
            if self._host.exists(path):
                found[each] = self._files(each, self._host.list_dir(path))
        return found

    def _find(self, folder: Path) -> Mapping[str, InstanceFiles]:
        """One command for any number of instances, on any host."""
        names: dict[str, list[str]] = {}
        for path in listing.tree(self._host, folder):
            instance_id, _, name = path.partition("/")
            if is_id(instance_id):
                names.setdefault(instance_id, []).append(name)
        return {each: self._files(each, inside) for each, inside in names.items()}

    def _files(self, instance_id: str, names: list[str]) -> InstanceFiles:
        digests = sorted(filter(None, map(_digest, names)))
        disks = frozenset(filter(is_disk, names))
        folder = self._settings.instance(instance_id)
        bases = ((name, self._base(folder / name)) for name in disks)
        return InstanceFiles(
            instance_id,
            disks,
            # Two where a kill came between making one and removing the other: neither fits.
            config=digests[0] if len(digests) == 1 else "",
            bases={name: base for name, base in bases if base},
        )

    def _base(self, disk: Path) -> str:
        """The id of the image that it stands on, or the path of something else."""
        path = backing_file(disk)
        return path.removeprefix(f"{self._settings.images}/")

    def _backing(self, step: CreateOverlay) -> list[str]:
        if step.image_id is None or step.image_format == "iso":
            return []
        if step.image_format not in formats.QEMU_NAMES:
            raise Refused("image.format.unknown", f"{step.image_format!r} is no disk format")
        self._check_size(step.size, step.image_id)
        base = self._settings.image(step.image_id)
        return ["-b", str(base), "-F", formats.QEMU_NAMES[step.image_format]]

    def _check_size(self, size: int, image_id: str) -> None:
        image = self._images.describe(image_id)
        if 0 < size < image.virtual_size:
            raise Refused(
                "overlay.too_small",
                f"a disk of {size} bytes cannot hold image {image_id}, "
                f"which needs {image.virtual_size}; use a flavor with a larger disk",
            )

    def _master(self, tree: Path, target: Path) -> None:
        """Write the ISO with whichever of the two programs is there."""
        self._host.remove(target)
        for maker in _MAKERS:
            try:
                self._host.run([*maker, *_ISO_OPTIONS, "-o", str(target), str(tree)])
            except MachineFailed as error:
                if error.code == "host.command.missing" and maker != _MAKERS[-1]:
                    continue
                raise
            return

    def disk(self, instance_id: str, name: str) -> Path:
        """Where a disk of its own is."""
        return self._disk(instance_id, name)

    def image(self, image_id: str) -> Path:
        """Where an image is."""
        return self._settings.image(check_id(image_id))

    def check_base(self, path: str) -> None:
        """Raises MachineFailed where a disk names what is no image, or one that is gone."""
        base = Path(path)
        if base.parent != self._settings.images or not is_id(base.name):
            raise MachineFailed(
                "disk.base.strange", f"the disk stands on {path}, which is no image of the cloud"
            )
        if not self._host.exists(base):
            raise MachineFailed("image.missing", f"image {base.name} is not on this host")

    def _disk(self, instance_id: str, name: str) -> Path:
        if not is_disk(name):
            raise Refused("overlay.name.invalid", f"{name[:80]!r} cannot be an instance's disk")
        return self._settings.instance(check_id(instance_id)) / name

    def _draft(self, disk: Path) -> Path:
        """Where it is made; what a killed process left there is gone."""
        new = disk.with_name(f".{disk.name}.partial")
        self._host.remove(new)
        return new

    def _publish(self, new: Path, path: Path, mode: str) -> None:
        self._host.run(["chmod", mode, str(new)])
        self._host.run(["mv", "--no-target-directory", str(new), str(path)])


def _inside(name: str) -> PurePosixPath:
    """The name, if it stays in the drive. Raises Refused `config.path.invalid`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise Refused("config.path.invalid", f"{name[:80]!r} cannot be a file of a config drive")
    return path


def is_disk(name: str) -> bool:
    """Whether a file of an instance's folder is a disk of its own."""
    return _DISK.fullmatch(name) is not None


def _digest(name: str) -> str:
    """The digest in a config drive's name; empty for any other name."""
    if not (name.startswith(_CONFIG) and name.endswith(_ISO)):
        return ""
    return name.removeprefix(_CONFIG).removesuffix(_ISO)
