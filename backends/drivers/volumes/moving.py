"""Moving a volume of files to another pool while its guest writes to it.

The copy has its final name from the beginning, as the guest goes on with it by that name, and its
label from when the guest does. Until the record says that the volume lies there, it is none.
"""

from __future__ import annotations

from backends.drivers.step import Progress
from backends.drivers.volumes.backend import Backend, Mirror
from backends.drivers.volumes.steps import CopyVolume


def is_there(mirror: Mirror, volume_id: str, target: Backend) -> bool:
    """Whether the guest has gone over already, be it off by now."""
    return mirror.file(volume_id) == str(target.path(volume_id))


def move(mirror: Mirror, step: CopyVolume, target: Backend, progress: Progress) -> None:
    """Copy it and let its guest go over; what another try began is gone on with.

    If anything ends it before, the guest is where it was, and nothing is left of the copy. Raises
    MachineFailed `volume.move.cut`, what `progress` raises.
    """
    path = target.path(step.id)
    if not is_there(mirror, step.id, target):
        try:
            if not mirror.is_at_work(step.id):
                target.remove(step.id, progress)
                _reserve(target, step)
                mirror.begin(step.id, str(path))
            mirror.finish(step.id, str(path), progress)
        except BaseException:
            mirror.abort(step.id)
            # Not where libvirt does not answer: it may have gone over.
            if mirror.file(step.id) not in (None, str(path)):
                target.remove(step.id, lambda share: None)
            raise
    target.label(step.id, step.label)


def _reserve(target: Backend, step: CopyVolume) -> None:
    """A file of zeroes, for its owner alone."""
    path = str(target.path(step.id))
    target.host.make_dir(target.path(step.id).parent)
    target.host.run(["truncate", f"--size={step.size}", path])
    target.host.run(["chmod", "0600", path])
