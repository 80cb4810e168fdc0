"""Putting an instance's own disk on another image, or on nothing, and checking it. It is off.

`qemu-img rebase` copies the difference into the disk before it names the new base in it (QEMU's
docs/tools/qemu-img.rst): killed at any time, the disk is whole on the old base or on the new one.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from backends.drivers.qemu_img import convert, formats
from backends.drivers.qemu_img.backing import backing_file
from backends.drivers.qemu_img.instances import InstanceFolders
from backends.drivers.qemu_img.sandbox import ENVIRONMENT
from backends.drivers.qemu_img.steps import RebaseDisk
from backends.drivers.step import Progress
from backends.errors import MachineFailed
from backends.hosts import Output

_BOUNDS = ("prlimit", f"--as={4 << 30}", "--core=0", "--")
_POLL = 0.1
_LEAKS_ONLY = 3
_LOCKED = "lock"


def rebase(folders: InstanceFolders, step: RebaseDisk, progress: Progress) -> None:
    """Raises MachineFailed `image.missing`, `disk.base.strange`, `disk.busy`, `disk.full`,
    `image.rebase.failed`; what `progress` raises.
    """
    disk = folders.disk(step.instance_id, step.disk)
    before = backing_file(disk)
    wanted = str(folders.image(step.image_id)) if step.image_id else ""
    if before == wanted:
        return
    if before:
        folders.check_base(before)
    if wanted:
        folders.check_base(wanted)
    base = ["-b", wanted, "-F", formats.QEMU_NAMES[step.image_format]] if wanted else ["-b", ""]
    done = follow(["qemu-img", "rebase", "-p", "-f", "qcow2", *base, str(disk)], progress)
    check_lock(done, disk)
    convert.check(done, "rebase")


def check_disk(folders: InstanceFolders, instance_id: str, name: str) -> None:
    """Raises MachineFailed `disk.damaged`, `disk.busy`. Leaks only waste space."""
    disk = folders.disk(instance_id, name)
    if base := backing_file(disk):
        folders.check_base(base)
    done = follow(["qemu-img", "check", "--output=json", "-f", "qcow2", str(disk)], _quiet)
    check_lock(done, disk)
    if done.status in (0, _LEAKS_ONLY):
        return
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = {}
    raise MachineFailed(
        "disk.damaged",
        f"the root disk of {instance_id} has {report.get('corruptions', 'some')} damaged places;"
        " restore it from a snapshot or a backup",
    )


def check_lock(done: Output, disk: Path) -> None:
    """Raises MachineFailed `disk.busy`."""
    if done.status != 0 and _LOCKED in done.stderr:
        raise MachineFailed(
            "disk.busy", f"{disk} is in use by a guest or another tool; stop the instance first"
        )


def _quiet(_share: float) -> None:
    """Nothing tells how far it is."""


def follow(argv: list[str], progress: Progress) -> Output:
    """Run it to its end; `progress` may raise to end it before."""
    look = convert.watch(progress)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [*_BOUNDS, *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=ENVIRONMENT
        )
        try:
            while True:
                try:
                    process.wait(_POLL)
                    break
                except subprocess.TimeoutExpired:
                    out.seek(0)
                    look(out.read())
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
        out.seek(0)
        err.seek(0)
        return Output(process.returncode, out.read(), err.read())
