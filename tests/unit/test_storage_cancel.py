"""Long verbs on storage, cancelled at each point at which they can be: what is left of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from backends import journal
from backends.cloud import Cloud
from backends.errors import Cancelled, HalfDone
from backends.records.image import Image
from backends.records.tables import Volume, VolumeBackup, VolumeSnapshot, VolumeType
from backends.records.unit import Kind, Unit
from backends.services.backup import NewBackup
from backends.services.pool import NewPool
from backends.services.volume import NewVolume
from tests.unit.shelf import Shelf

CHUNK = 4 << 20
# At which look, of those at whether it is cancelled, it is found to be.
POINTS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_KINDS: dict[Kind, Any] = {
    Kind.VOLUME: Volume,
    Kind.SNAPSHOT: VolumeSnapshot,
    Kind.BACKUP: VolumeBackup,
    Kind.IMAGE: Image,
}


class Depot:
    """A cloud with a volume of two pieces, in two pools."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        self.shed = folder / "shed"
        self.shed.mkdir()
        for each in (folder, *folder.parents):
            if not each.stat().st_mode & 1:
                each.chmod(each.stat().st_mode | 0o111)
        cloud.pools.create(NewPool("shed", place=str(self.shed)))
        with cloud.context.store.write() as session:
            session.add(VolumeType(name="shed", specs={"volume_backend_name": "shed"}))
        self.disk = folder / "disk.raw"
        self.disk.write_bytes(b"new" + bytes(3 * CHUNK))
        cloud.images.create("disk", str(self.disk), disk_format="raw")
        cloud.volumes.create("data", 1)
        self.write(b"new")
        cloud.snapshots.create("data", "then")
        cloud.backups.create(NewBackup("data", "kept"))
        self.write(b"old")

    def path(self) -> Path:
        row = self.cloud.volumes.show("data").volume
        return next(self.folder.rglob(row.id))

    def write(self, text: bytes) -> None:
        with self.path().open("r+b") as file:
            for at in (0, 2 * CHUNK):
                file.seek(at)
                file.write(text)

    def read(self) -> bytes:
        with self.path().open("rb") as file:
            return file.read(3 * CHUNK)

    def assert_in_order(self) -> None:
        plan = self.cloud.context.converger.plan(list(self.rows()))
        assert [each.text for each in plan.steps] == []
        assert not [path for path in self.files() if path.name.startswith(".")]
        assert {row.status for row in self.cloud.volumes.list()} == {"available"}

    def rows(self) -> dict[Unit, dict[str, Any]]:
        found: dict[Unit, dict[str, Any]] = {}
        with self.cloud.context.reading() as session:
            for kind, table in _KINDS.items():
                rows: list[SQLModel] = list(session.exec(select(table)))
                found |= {Unit(kind, row.model_dump()["id"]): row.model_dump() for row in rows}
        return found

    def state(self) -> tuple[object, ...]:
        return self.rows(), self.files(), self.read()

    def files(self) -> dict[Path, int]:
        return {
            path: path.stat().st_size
            for path in self.folder.rglob("*")
            if path.is_file() and path.suffix not in (".db", ".db-wal", ".db-shm")
        }


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    yield from opened(tmp_path)


@pytest.fixture(scope="module")
def shared_depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    yield from opened(tmp_path_factory.mktemp("depot"))


def opened(folder: Path) -> Iterator[Depot]:
    shelf = Shelf(folder)
    yield Depot(shelf.open(), folder)
    shelf.close()


Verb = Callable[[Cloud, Path], object]
MAKING: dict[str, Verb] = {
    "import": lambda cloud, disk: cloud.images.create("more", str(disk), disk_format="raw"),
    "import and convert": lambda cloud, disk: cloud.images.create(
        "more", str(disk), disk_format="raw", convert_to="qcow2"
    ),
    "of an image": lambda cloud, disk: cloud.volumes.make(NewVolume("more", image="disk")),
    "of a snapshot": lambda cloud, disk: cloud.volumes.make(NewVolume("more", snapshot="then")),
    "of a backup": lambda cloud, disk: cloud.volumes.make(NewVolume("more", backup="kept")),
    "clone": lambda cloud, disk: cloud.volumes.make(NewVolume("more", source="data")),
    "snapshot": lambda cloud, disk: cloud.snapshots.create("data", "more"),
    "backup": lambda cloud, disk: cloud.backups.create(NewBackup("data", "more")),
    "changes": lambda cloud, disk: cloud.backups.create(
        NewBackup("data", "more", incremental=True)
    ),
}
# With what is to be so in the end.
CHANGING: dict[str, tuple[Verb, Callable[[Depot], bool]]] = {
    "convert": (
        lambda cloud, disk: cloud.images.convert("disk", "qcow2"),
        lambda depot: depot.cloud.images.show("disk").disk_format == "qcow2",
    ),
    "migrate": (
        lambda cloud, disk: cloud.volumes.migrate("data", "shed"),
        lambda depot: depot.shed in depot.path().parents,
    ),
    "retype": (
        lambda cloud, disk: cloud.volumes.retype("data", "shed", migrate=True),
        lambda depot: (
            depot.shed in depot.path().parents and depot.cloud.volumes.show("data").type == "shed"
        ),
    ),
    "extend": (
        lambda cloud, disk: cloud.volumes.extend("data", 2),
        lambda depot: (
            depot.path().stat().st_size == 2 << 30
            and depot.cloud.volumes.show("data").volume.size == 2
        ),
    ),
    "revert": (
        lambda cloud, disk: cloud.volumes.revert("then"),
        lambda depot: depot.read().startswith(b"new"),
    ),
    "restore": (
        lambda cloud, disk: cloud.backups.restore("kept", "data"),
        lambda depot: depot.read().startswith(b"new"),
    ),
}


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Cancel the operation at its n-th look at whether it is."""
    asked = count()
    point = -1
    look = journal.Journal.check

    def check(self: journal.Journal) -> None:
        if next(asked) == point:
            raise Cancelled(self.operation.verb)
        look(self)

    def at(number: int) -> None:
        nonlocal asked, point
        asked, point = count(), number

    monkeypatch.setattr(journal.Journal, "check", check)
    monkeypatch.setattr(journal.Journal, "progress", lambda self, share: check(self))
    return at


@pytest.mark.parametrize("name", MAKING)
def test_what_a_cancelled_verb_was_making_is_gone(
    shared_depot: Depot, name: str, cancelled: Callable[[int], None]
) -> None:
    before = shared_depot.state()
    for point in POINTS:
        cancelled(point)
        try:
            MAKING[name](shared_depot.cloud, shared_depot.disk)
        except Cancelled:
            assert shared_depot.state() == before, point
        else:
            break
    assert point
    shared_depot.assert_in_order()


@pytest.mark.parametrize("name", CHANGING)
def test_a_cancelled_change_is_done_or_undone(
    depot: Depot, name: str, cancelled: Callable[[int], None]
) -> None:
    cloud, (verb, is_done) = depot.cloud, CHANGING[name]
    if name in ("migrate", "retype"):
        cloud.snapshots.delete("then")
    before, units = depot.state(), list(depot.rows())
    for point in POINTS:
        cancelled(point)
        try:
            verb(cloud, depot.disk)
        except HalfDone:
            assert (name, cloud.volumes.show("data").status) == ("restore", "error_restoring")
            cloud.context.converge("drift.repair", units)
            break
        except Cancelled:
            depot.assert_in_order()
            if is_done(depot):
                break
            assert depot.state() == before, point
        else:
            break
    assert point
    assert is_done(depot)
    depot.assert_in_order()
