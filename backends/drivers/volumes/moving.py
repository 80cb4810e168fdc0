"""Moving a volume to another pool while its guest writes to it.

The copy has its final name from the beginning, as the guest goes on with it by that name, and its
label from when the guest does. Until the record says that the volume lies there, it is none.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from backends.drivers.libvirt.spec import Disk
from backends.drivers.step import Progress
from backends.drivers.volumes.backend import Backend, Mirror
from backends.drivers.volumes.offers import Offers
from backends.drivers.volumes.steps import CopyVolume
from backends.drivers.volumes.targets import answers
from backends.errors import HalfDone, QuarterdeckError


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a volume goes, and how its guest reaches it there."""

    step: CopyVolume
    target: Backend
    offers: Offers

    def clear(self, progress: Progress) -> None:
        """Leave nothing of a copy."""
        step, pool = self.step, self.step.target
        if pool.host:
            keeps_key = bool(step.pool.host)
            self.offers.withdraw(step.id, pool, self.target.host, keeps_key=keeps_key)
        self.target.remove(step.id, progress)

    def make(self) -> None:
        """Make an empty one, which the guest can reach."""
        self.target.reserve(self.step.id, self.step.size)
        if self.step.target.host:
            self.offers.make(self.step.id, self.step.target, self.target, synced=False)

    def check_answers(self, cause: BaseException) -> None:
        """Whether a copy can be ended. Raises HalfDone where its storage host does not answer.

        QEMU flushes what it closes, and its guest would stand still until the host is back.
        """
        pool = self.step.target
        if pool.host and not answers(pool):
            text = f"the copy cannot be ended while {pool.host} does not answer; it goes on then"
            raise HalfDone("volume.move.away", f"{text}, and `drift repair` ends it") from cause

    def harden(self, mirror: Mirror) -> None:
        """What was copied is on the disk of a storage host, and so is all that is written next."""
        step, pool = self.step, self.step.target
        found = self.offers.make(step.id, pool, self.target) if pool.host else None
        if found is not None and not found.synced:
            calm = partial(mirror.catch_up, step.id)
            self.offers.renew(step.id, pool, self.target, (step.guest,), calm)


def is_there(mirror: Mirror, disk: Disk) -> bool:
    """Whether the guest has gone over already, be it off by now."""
    return mirror.place(disk.serial) == disk.path


def move(mirror: Mirror, disk: Disk, landing: Landing, progress: Progress) -> None:
    """Copy it and let its guest go over; what another try began is gone on with.

    If anything ends it before, the guest is where it was, and nothing is left of the copy. Raises
    MachineFailed `volume.move.cut`, HalfDone `volume.move.away`, what `progress` raises.
    """
    if not is_there(mirror, disk):
        try:
            if not mirror.is_at_work(disk.serial):
                landing.clear(progress)
                landing.make()
                mirror.begin(disk)
            mirror.finish(disk, progress, partial(landing.harden, mirror))
        except BaseException as error:
            if mirror.is_at_work(disk.serial):
                landing.check_answers(error)
            mirror.abort(disk.serial)
            # Not where libvirt does not answer, or the guest is about to go over.
            place = mirror.place(disk.serial)
            if place not in (None, disk.path) and not mirror.goes_over(disk.serial):
                # What is out of reach goes at a later converge.
                with suppress(QuarterdeckError):
                    landing.clear(lambda share: None)
            raise
    landing.target.label(disk.serial, landing.step.label)
