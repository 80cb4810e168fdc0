"""Killed at any point of a verb on storage, the next start ends where no kill would have.

Files alone: no guest, no daemon. Each verb runs in a process of its own, which is killed right
before or after one of the commands and renames that it consists of.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backends.cloud import Cloud
from backends.converge import Converger
from backends.drivers.machine import Machine
from backends.hosts import LocalHost
from backends.journal import Journal
from backends.records.image import Image
from backends.records.operation import Operation, Outcome
from backends.records.unit import Kind
from backends.services.backup import NewBackup
from backends.services.pool import NewPool
from backends.services.volume import NewVolume
from tests.real.life.test_crash import commit
from tests.unit.shelf import Shelf

_GIB = 1 << 30
_KINDS = (Kind.POOL, Kind.VOLUME, Kind.SNAPSHOT, Kind.BACKUP)
_SAMPLE = 1  # points of each verb in an ordinary run

# Where a process can die: an owner, and the name of what it does.
_WATCHED: tuple[tuple[Any, str], ...] = (
    (LocalHost, "run"),
    (LocalHost, "write_text"),
    (LocalHost, "remove"),
    (os, "pwrite"),
    (Machine, "apply"),
    (Journal, "start"),
    (Journal, "close"),
)

VERBS: dict[str, Callable[[Cloud], object]] = {
    "create from image": lambda c: c.volumes.make(NewVolume("new", 1, image="disk")),
    "clone": lambda c: c.volumes.make(NewVolume("new", 2, source="one")),
    "create from snapshot": lambda c: c.volumes.make(NewVolume("new", snapshot="then")),
    "create from backup": lambda c: c.volumes.make(NewVolume("new", backup="kept")),
    "snapshot": lambda c: c.snapshots.create("one", "new"),
    "extend": lambda c: c.volumes.extend("one", 2),
    "revert": lambda c: c.volumes.revert("then"),
    "backup": lambda c: c.backups.create(NewBackup("one", "new", incremental=True)),
    "restore": lambda c: c.backups.restore("kept", "one"),
    "migrate": lambda c: c.volumes.migrate("two", "shed"),
    "delete": lambda c: c.volumes.delete("one", cascade=True),
    "delete snapshot": lambda c: c.snapshots.delete("then"),
}


class Scene:
    """A store and files: a volume with a snapshot and a backup, an image, another pool."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)
        cloud = self.shelf.open()
        cloud.pools.create(NewPool("shed", place=_passable(folder / "shed")))
        image = Image(
            project_id=self.shelf.home, name="disk", disk_format="raw", imported=True,
            size=_GIB, virtual_size=_GIB, properties={},
        )  # fmt: skip
        with cloud.context.store.write() as session:
            session.add(image)
        cloud.settings.images.mkdir(parents=True)
        _write(cloud.settings.image(image.id), b"image", _GIB)
        self.row = cloud.volumes.create("one", 1)
        self.file = cloud.settings.volume(self.row.id)
        _write(self.file, b"early", _GIB)
        cloud.snapshots.create("one", "then")
        cloud.backups.create(NewBackup("one", "kept"))
        _write(self.file, b"later", _GIB)
        other = cloud.settings.volume(cloud.volumes.create("two", 1).id)
        _write(other, b"travels", _GIB)
        self.shelf.close()

    def die(self, verb: str, point: int | None) -> int:
        """Run the verb in another process, killed at a point; the number of its points."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run(self.shelf.open(), verb, point, writing)
        os.close(writing)
        told = b""
        while part := os.read(reading, 4096):
            told += part
        os.close(reading)
        status = os.waitpid(child, 0)[1]
        if point is None:
            assert status == 0, verb
            return len(told)
        assert os.WIFSIGNALED(status), f"{verb} did not reach point {point}"
        return 0

    def settle(self) -> Cloud:
        """As the next start finds it: what was interrupted is finished, or taken away."""
        cloud = self.shelf.open()
        cloud.drift.recover()
        with cloud.context.store.read() as session:
            rows = session.exec(select(Operation)).all()
            assert {row.outcome for row in rows} <= {Outcome.DONE, Outcome.UNDONE}
        units = [unit for unit in _units(cloud) if unit.kind in _KINDS]
        planned = Converger(cloud.context.store, cloud.machine).plan(units)
        assert [step.text for step in planned.steps] == []
        assert list(planned.problems) == []
        for path in self.files(cloud):
            assert not path.name.startswith("."), f"left over: {path}"
        return cloud

    def files(self, cloud: Cloud) -> Iterator[Path]:
        settings = cloud.settings
        for top in (
            settings.volumes,
            settings.backups,
            Path(self.shelf.path).parent.parent / "shed",
        ):
            yield from (path for path in top.rglob("*") if path.is_file())

    def shape(self, cloud: Cloud) -> list[str]:
        """What there is: each volume, snapshot and backup with its place, size and content."""
        found = []
        for path in self.files(cloud):
            if path.suffix == ".json" or path.name.isdigit():
                continue
            with path.open("rb") as file:
                head = file.read(16).rstrip(b"\0")
            found.append(f"{path.parent.name} {path.stat().st_size} {head!r}")
        rows = [f"volume {row.volume.name} {row.status} {row.volume.pool} {row.volume.size}"
                for row in cloud.volumes.list()]  # fmt: skip
        rows += [f"snapshot {row.snapshot.name} {row.status}" for row in cloud.snapshots.list()]
        rows += [f"backup {row.backup.name} {row.status} {row.backup.stored}"
                 for row in cloud.backups.list()]  # fmt: skip
        return sorted([*found, *rows])


def _run(cloud: Cloud, verb: str, point: int | None, told: int) -> None:
    """In the child: do the verb, tell of each point, die at the deadly one."""
    reached = 0
    write = os.write

    def reach() -> None:
        nonlocal reached
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)
        reached += 1
        write(told, b".")

    for owner, name in _WATCHED:
        _watch(owner, name, reach)
    try:
        VERBS[verb](cloud)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _watch(owner: Any, name: str, reach: Callable[[], None]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def watched(*args: Any, **named: Any) -> Any:
        if named.get("reads"):
            return original(*args, **named)
        reach()
        result = original(*args, **named)
        reach()
        return result

    setattr(owner, name, watched)


def _units(cloud: Cloud) -> list[Any]:
    from backends.records import snapshot

    with cloud.context.store.read() as session:
        return snapshot.read(session, cloud.settings.host).units()


def _write(path: Path, text: bytes, size: int) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(text)
        file.truncate(size)


def _passable(folder: Path) -> str:
    folder.mkdir()
    for each in (folder, *folder.parents):
        each.chmod(each.stat().st_mode | 0o011)
    return str(folder)


def check(tmp_path: Path, verb: str, choose: Callable[[int], list[int]]) -> None:
    first = Scene(tmp_path / "first")
    count = first.die(verb, None)
    end = first.shape(first.settle())
    before = Scene(tmp_path / "before")
    start = before.shape(before.settle())
    for number, point in enumerate(choose(count)):
        scene = Scene(tmp_path / str(number))
        scene.die(verb, point)
        # A verb that died before its transaction was over was never asked for.
        assert scene.shape(scene.settle()) in (end, start), f"{verb} killed at {point} of {count}"
        scene.shelf.close()
        # Each has a gibibyte of zeros, which not every verb leaves as a hole.
        shutil.rmtree(tmp_path / str(number))


@pytest.mark.parametrize("verb", VERBS)
def test_a_sample_of_points_that_changes_with_the_commit(tmp_path: Path, verb: str) -> None:
    chance = random.Random(commit() + verb)
    check(tmp_path, verb, lambda count: chance.sample(range(count), min(_SAMPLE, count)))


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("verb", VERBS)
def test_every_point(tmp_path: Path, verb: str) -> None:
    check(tmp_path, verb, lambda count: list(range(count)))
