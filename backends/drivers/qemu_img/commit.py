"""Writing an instance's own disk down into the image that it stands on. It is off.

The image is made anew beside its file and then renamed over it; only then is the disk emptied.
Until then the disk holds all that it did, over a base that holds the same: what the guest sees is
one and the same at every moment, and all of it can be done again.
"""

from __future__ import annotations

import json
from pathlib import Path

from backends.drivers.qemu_img import convert, formats, rebase
from backends.drivers.qemu_img.backing import backing_file
from backends.drivers.qemu_img.images import Images
from backends.drivers.qemu_img.instances import InstanceFolders
from backends.drivers.qemu_img.steps import CommitDisk, EmptyDisk
from backends.drivers.step import Progress
from backends.errors import MachineFailed


def commit(folders: InstanceFolders, images: Images, step: CommitDisk, progress: Progress) -> None:
    """Raises MachineFailed `disk.base.strange`, `disk.busy`, `disk.full`, `image.commit.failed`,
    `image.missing`; Refused `image.format.mismatch`, where the guest made its disk look like one of
    another format; what `progress` raises.
    """
    disk = folders.disk(step.instance_id, step.disk)
    if not disk.exists():
        images.describe_again(step.image_id, step.image_format, progress)
        return
    _check_base(folders, disk, step.image_id)
    to = formats.QEMU_NAMES[step.image_format]

    def write(target: Path) -> str:
        argv = ["qemu-img", "convert", "-p", "-f", "qcow2", "-O", to, str(disk), str(target)]
        done = rebase.follow(argv, lambda share: progress(share * 0.7))
        rebase.check_lock(done, disk)
        convert.check(done, "commit")
        return step.image_format

    images.replace(step.image_id, write, lambda share: progress(0.7 + share * 0.3))


def empty(folders: InstanceFolders, step: EmptyDisk) -> None:
    """Raises MachineFailed `disk.base.strange`, `disk.busy`, `image.info.failed`."""
    disk = folders.disk(step.instance_id, step.disk)
    if not disk.exists():
        return
    _check_base(folders, disk, step.image_id)
    # Without `--force-share`: QEMU refuses it while a guest writes to the disk.
    argv = ["qemu-img", "info", "--output=json", "-f", "qcow2", str(disk)]
    done = rebase.follow(argv, lambda _share: None)
    rebase.check_lock(done, disk)
    convert.check(done, "info")
    size = int(json.loads(done.stdout)["virtual-size"])
    base = (step.image_id, formats.QEMU_NAMES[step.image_format])
    folders.empty_disk(step.instance_id, step.disk, base, size)


def _check_base(folders: InstanceFolders, disk: Path, image_id: str) -> None:
    base = backing_file(disk)
    folders.check_base(base)
    if base != str(folders.image(image_id)):
        raise MachineFailed("disk.base.strange", f"{disk} stands on {base}, not on {image_id}")
