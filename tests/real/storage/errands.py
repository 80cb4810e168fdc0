"""What the crash tests have done to volumes of a storage host, and how it is taken back.

An errand that is done already is not done again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from backends.cloud import Cloud
from backends.errors import NotFound
from backends.services.backup import NewBackup
from backends.services.volume import NewVolume
from tests.real.lab import IMAGE
from tests.real.storage.farm import THIN

# Volumes that stay, a backup of the first, the instance that has none, and what errands make.
FIRST, SECOND, KEPT, GUEST, MADE = "first", "second", "kept", "vm", "made"
# Where the environment says which folder backups go to.
FOLDER = "QUARTERDECK_TEST_BACKUPS"


def create(cloud: Cloud) -> None:
    _make(cloud, NewVolume(MADE, 1, image=IMAGE, pool=THIN))


def clone(cloud: Cloud) -> None:
    _make(cloud, NewVolume(MADE, 2, source=FIRST, pool=THIN))


def make_plain(cloud: Cloud) -> None:
    _make(cloud, NewVolume(MADE, 1, pool=THIN))


def extend(cloud: Cloud) -> None:
    make_plain(cloud)
    if cloud.volumes.show(MADE).volume.size < 2:
        cloud.volumes.extend(MADE, 2)


def attach(cloud: Cloud) -> None:
    """A new one each time: the target that it gets then stays as long as it does."""
    make_plain(cloud)
    if not cloud.volumes.show(MADE).attached:
        cloud.volumes.attach(MADE, GUEST)


def detach(cloud: Cloud) -> None:
    if _there(cloud.volumes.show, MADE) and cloud.volumes.show(MADE).attached:
        cloud.volumes.detach(MADE, GUEST)
    unmake(cloud)


def backup(cloud: Cloud) -> None:
    if not _there(cloud.backups.show, MADE):
        cloud.backups.create(NewBackup(SECOND, MADE, container=os.environ[FOLDER]))


def restore(cloud: Cloud) -> None:
    cloud.backups.restore(KEPT, SECOND)


def migrate(cloud: Cloud) -> None:
    _move(cloud, "default")


def unmake(cloud: Cloud) -> None:
    if _there(cloud.volumes.show, MADE):
        cloud.volumes.delete(MADE)


def unback(cloud: Cloud) -> None:
    if _there(cloud.backups.show, MADE):
        cloud.backups.delete(MADE)


def return_(cloud: Cloud) -> None:
    _move(cloud, THIN)


def recover(cloud: Cloud) -> None:
    cloud.drift.recover()


Errand = Callable[[Cloud], None]
# Each with what takes it back, which is killed too.
PAIRS: dict[str, tuple[str, str]] = {
    "create from image": ("create", "unmake"),
    "clone": ("clone", "unmake"),
    "extend": ("extend", "unmake"),
    "attach": ("attach", "detach"),
    "backup": ("backup", "unback"),
    "restore": ("restore", "restore"),
    "migrate": ("migrate", "return_"),
}
# What one begins with, where it is the second half alone that is to be killed.
BEFORE = {"extend": "make_plain", "attach": "make_plain"}
ERRANDS: dict[str, Errand] = {
    f"far-{each.__name__}": each
    for each in (
        *(create, clone, extend, attach, detach, backup, restore),
        *(migrate, unmake, unback, return_, recover, make_plain),
    )
}


def _make(cloud: Cloud, new: NewVolume) -> None:
    if not _there(cloud.volumes.show, MADE):
        cloud.volumes.make(new)


def _move(cloud: Cloud, pool: str) -> None:
    if cloud.volumes.show(SECOND).volume.pool != pool:
        cloud.volumes.migrate(SECOND, pool)


def _there(show: Callable[[str], object], name: str) -> bool:
    try:
        show(name)
    except NotFound:
        return False
    return True
