"""A pool on a real NFS server; run inside a lab node, by `test_nfs.py`."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from backends.agent import Agent
from backends.cloud import Cloud
from backends.errors import MachineFailed, QuarterdeckError, Refused
from backends.services.backup import NewBackup
from backends.services.pool import NewPool, PoolRow
from backends.services.volume import NewVolume
from tests.real.lab import IMAGE, Lab, eventually, run
from tests.real.life.test_crash import crasher
from tests.real.storage import nfs_server
from tests.real.storage.errands import FIRST, FOLDER, KEPT, PAIRS, SECOND
from tests.real.storage.farm import THIN
from tests.real.storage.nfs_server import GOOD, NfsServer, export

MIB = 1 << 20
# What a sample hangs on: the commit, which is not known in a node.
CHANCE = Path("/run/chance")
_ASKED = 3  # the first point at which what was asked for is written down
# Seconds in which whatever is asked of a server that is away has to end, on an emulated machine.
_BOUND = 40.0
_BACK = 150.0  # seconds in which TCP tries again


_LOOP = """
import os, sys
path, told, stop = sys.argv[1:]
file, told, count = os.open(path, os.O_RDWR), open(told, "wb", buffering=0), 0
while not os.path.exists(stop):
    os.pwrite(file, (b"block %d" % count).ljust(4096), (8 << 20) + count * 4096)
    os.fsync(file)
    told.write(b".")
    count += 1
"""


@pytest.fixture(scope="module")
def server() -> Iterator[NfsServer]:
    made = NfsServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def lab(daemons: None, server: NfsServer) -> Iterator[Lab]:
    """A cloud without a guest: what it may know of the server is asked of it first."""
    made = Lab()
    made.start()
    yield made
    made.close()
    assert not mounts()
    assert not made.cloud.settings.mounts.exists()
    assert list(GOOD.iterdir()) == []


@pytest.fixture(scope="module")
def cloud(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """With an image, a pool on the server, and two volumes there."""
    disk = tmp_path_factory.mktemp("image") / "disk"
    disk.write_bytes(b"image".ljust(MIB, b"!") * 8)
    lab.cloud.images.create(IMAGE, str(disk), disk_format="raw")
    lab.cloud.pools.create(NewPool(THIN, "nfs", f"{export()}/"))
    for name in (FIRST, SECOND):
        lab.cloud.volumes.make(NewVolume(name, 1, pool=THIN))
        write(lab.cloud, name, name)
    return lab.cloud


def mounts() -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if " nfs4 " in line]


def file_of(cloud: Cloud, name: str) -> Path:
    row = cloud.volumes.show(name).volume
    if row.pool == "default":
        return cloud.settings.volume(row.id)
    return cloud.settings.mounts / THIN / f"quarterdeck-{cloud.settings.cloud}" / row.id


def write(cloud: Cloud, name: str, text: str, at: int = 0) -> None:
    with file_of(cloud, name).open("r+b") as file:
        file.seek(at * MIB)
        file.write(text.encode().ljust(16, b"\0"))


def held(cloud: Cloud, name: str, at: int = 0) -> str:
    with file_of(cloud, name).open("rb") as file:
        file.seek(at * MIB)
        return file.read(16).rstrip(b"\0!").decode()


def pool(cloud: Cloud) -> PoolRow:
    return next(row for row in cloud.pools.list() if row.pool.name == THIN)


@contextmanager
def bounded(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    print(f"{what}: {took:.1f} s")
    assert took < _BOUND, f"{what} took {took:.1f} s"


@contextmanager
def moved(path: Path) -> Iterator[None]:
    away = path.rename(path.with_name("away"))
    yield
    away.rename(path)


def refuse(lab: Lab, place: str, code: str, said: str) -> None:
    """A pool there is refused by one line, and nothing is left of the try."""
    with bounded(place), pytest.raises(MachineFailed) as failure:
        lab.cloud.pools.create(NewPool("bad", "nfs", place))
    print(failure.value)
    assert (failure.value.code, said in failure.value.message) == (code, True)
    assert [row.pool.name for row in lab.cloud.pools.list()] == ["default"]
    assert not mounts()
    assert not lab.cloud.settings.mounts.exists()


def test_what_this_machine_lacks_is_named(lab: Lab) -> None:
    with moved(Path("/usr/sbin/mount.nfs")):
        refuse(lab, export(), "pool.nfs.missing", "apt-get install nfs-common")
    run("modprobe", "-r", "nfsv4", "nfs", check=False)
    held_back = Path("/etc/modprobe.d/no-nfs.conf")
    held_back.write_text("".join(f"install {each} /bin/false\n" for each in ("nfs", "nfsv4")))
    refuse(lab, export(), "pool.nfs.kernel", "no NFS client")
    held_back.unlink()


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        (export(Path("/srv/none")), "pool.unmounted", "No such file or directory"),
        (f"{nfs_server.HERE}:{GOOD}", "pool.unreachable", "Connection refused"),
        (f"{nfs_server.NOBODY}:{GOOD}", "pool.unreachable", nfs_server.NOBODY),
        (export(nfs_server.SQUASHED), "pool.squashed", "no_root_squash"),
        (export(nfs_server.SHUT), "pool.squashed", "chmod o+x"),
    ],
)
def test_no_pool_is_made_of_what_cannot_be_used(lab: Lab, place: str, code: str, said: str) -> None:
    refuse(lab, place, code, said)
    for folder in (nfs_server.SQUASHED, nfs_server.SHUT):
        for each in folder.iterdir():
            each.rmdir()


def test_a_volume_lives_its_life(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    volumes, backups = cloud.volumes, cloud.backups
    assert pool(cloud).status == "up"
    assert pool(cloud).pool.place == export()
    volumes.make(NewVolume("disk", 1, image=IMAGE, pool=THIN))
    assert [held(cloud, "disk", at) for at in (0, 7, 8)] == ["image", "image", ""]
    write(cloud, "disk", "before")
    cloud.snapshots.create("disk", "then")
    write(cloud, "disk", "after")
    volumes.make(NewVolume("copy", snapshot="then"))
    volumes.make(NewVolume("clone", size=2, source="disk"))
    assert [held(cloud, each) for each in ("copy", "clone")] == ["before", "after"]
    volumes.extend("disk", 2)
    assert file_of(cloud, "disk").stat().st_size == 2 << 30
    volumes.revert("then")
    assert held(cloud, "disk") == "before"
    lab.assert_in_order()

    cloud.snapshots.delete("then")
    backups.create(NewBackup("disk", "kept", container=str(tmp_path / "backups")))
    write(cloud, "disk", "changed")
    volumes.migrate("disk", "default")
    assert volumes.show("disk").volume.pool == "default"
    assert [held(cloud, "disk", at) for at in (0, 7)] == ["changed", "image"]
    cloud.volume_types.create("away", specs={"volume_backend_name": THIN})
    volumes.retype("disk", "away", migrate=True)
    assert volumes.show("disk").volume.pool == THIN
    assert [held(cloud, "disk", at) for at in (0, 7)] == ["changed", "image"]
    backups.restore("kept", "disk")
    assert [held(cloud, "disk", at) for at in (0, 7)] == ["before", "image"]
    lab.assert_in_order()
    backups.delete("kept")
    volumes.delete("disk", "copy", "clone")
    cloud.volume_types.delete("away")
    lab.assert_in_order()
    assert pool(cloud).volumes == 2


def test_one_verb_that_is_killed_ends_as_it_would_have(
    lab: Lab, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "backups"))
    if not any(row.backup.name == KEPT for row in cloud.backups.list()):
        cloud.backups.create(NewBackup(FIRST, KEPT, container=str(tmp_path / "kept")))
    chance = random.Random(CHANCE.read_text())
    errand = chance.choice(sorted(set(PAIRS) - {"attach"}))
    there, back = (f"far-{each}" for each in PAIRS[errand])
    points = crasher(lab, there).stdout.splitlines()
    crasher(lab, back)
    point = chance.randrange(_ASKED, len(points))
    assert crasher(lab, there, str(point)).returncode < 0, f"{there} survived {points[point]}"
    cloud.drift.recover()
    lab.assert_in_order()
    crasher(lab, back)
    lab.assert_in_order()
    shown = [held(cloud, FIRST), held(cloud, SECOND)]
    assert shown in (["first", "second"], ["first", "first"]), f"{there}, {points[point]}"


@pytest.mark.parametrize("how", ["stop", "cut"])
def test_a_server_that_goes_away_costs_nothing(
    lab: Lab, cloud: Cloud, server: NfsServer, how: str, tmp_path: Path
) -> None:
    if how == "stop":
        leave: Callable[[], None] = server.stop
        come: Callable[[], None] = server.start
    else:
        leave, come = server.cut, server.heal
    write(cloud, FIRST, "kept")
    loop = Loop(file_of(cloud, SECOND), tmp_path / "told")
    with closing(Watch(lab)), closing(loop):
        eventually(lambda: loop.count > 2, "the loop writes")
        leave()
        try:
            _go_on_without(cloud)
            stopped_at = loop.count
        finally:
            come()
        eventually(lambda: pool(cloud).status == "up", "it is back", _BACK)
        eventually(lambda: loop.count > stopped_at + 2, "the loop goes on", _BACK)
    assert loop.holds()
    assert held(cloud, FIRST) == "kept"
    cloud.drift.repair()
    lab.assert_in_order()
    write(cloud, SECOND, "second")


def _go_on_without(cloud: Cloud) -> None:
    """What is asked of the pool is told why not, and other pools go on."""
    with bounded("the pools"):
        assert pool(cloud).status == "down"
    assert re.match(r"NFS server [0-9.]+ \S", pool(cloud).fact.error)
    with bounded("drift"):
        problems = {each.code for each in cloud.drift.show().plan.problems}
    assert problems == {"pool.unreachable"}
    with bounded("a new volume there"), pytest.raises(Refused) as refusal:
        cloud.volumes.make(NewVolume("more", 1, pool=THIN))
    assert refusal.value.code == "pool.unreachable"
    with bounded("a larger volume"), pytest.raises(QuarterdeckError) as error:
        cloud.volumes.extend(FIRST, 2)
    assert error.value.code == "pool.unreachable"
    with bounded("a new volume here"):
        near = cloud.volumes.create("near", 1)
    label = cloud.settings.volumes / f"{near.id}.json"
    label.unlink()
    eventually(label.exists, "the agent mends what else breaks", _BACK)
    cloud.volumes.delete("near")
    assert {row.volume.name for row in cloud.volumes.list()} == {FIRST, SECOND}


def test_a_mount_that_is_gone_is_drift(lab: Lab, cloud: Cloud) -> None:
    before = held(cloud, FIRST)
    run("umount", cloud.settings.mounts / THIN)
    assert "is not mounted" in pool(cloud).fact.error
    assert [step.text for step in cloud.drift.show().plan.steps] == [
        f"mount {export()} for pool {THIN}"
    ]
    with pytest.raises(QuarterdeckError, match="quarterdeck repair"):
        cloud.volumes.extend(FIRST, 2)
    cloud.drift.repair()
    lab.assert_in_order()
    assert held(cloud, FIRST) == before


def test_a_pool_that_is_deleted_is_unmounted(lab: Lab, cloud: Cloud) -> None:
    with pytest.raises(Refused) as refusal:
        cloud.pools.delete(THIN)
    assert refusal.value.code == "pool.in_use"
    cloud.backups.delete(*(row.backup.id for row in cloud.backups.list()))
    cloud.volumes.delete(FIRST, SECOND)
    cloud.pools.delete(THIN)
    assert not mounts()
    assert not cloud.settings.mounts.exists()
    lab.assert_in_order()


@pytest.mark.parametrize("is_away", [False, True])
def test_a_cloud_that_is_destroyed_leaves_nothing(server: NfsServer, is_away: bool) -> None:
    lab = Lab()
    lab.start()
    lab.cloud.pools.create(NewPool(THIN, "nfs", export()))
    lab.cloud.volumes.make(NewVolume("left", 1, pool=THIN))
    mounts_folder = lab.cloud.settings.mounts
    if is_away:
        server.stop()
    try:
        with bounded("to destroy it"):
            lab.close()
    finally:
        if is_away:
            server.start()
    assert not mounts()
    assert not mounts_folder.exists()
    found = list(GOOD.glob(f"*{lab.name}"))
    # What a server that is away has of it cannot be taken away.
    assert len(found) == is_away
    for folder in found:
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


class Watch:
    """An agent at work."""

    def __init__(self, lab: Lab) -> None:
        self._stop = threading.Event()
        agent = Agent(lab.open(), print, self._stop)
        self._thread = threading.Thread(target=agent.run)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_BACK)
        assert not self._thread.is_alive()


class Loop:
    """Numbered blocks are written to a volume, each flushed, by a process of its own, as a guest's.

    What a process has open there, each command waits for that it begins.
    """

    def __init__(self, path: Path, told: Path) -> None:
        self._path, self._told, self._stop = path, told, told.with_suffix(".stop")
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _LOOP, path, told, self._stop], stdin=subprocess.DEVNULL
        )

    @property
    def count(self) -> int:
        """How many blocks the server has taken."""
        return self._told.stat().st_size if self._told.exists() else 0

    def close(self) -> None:
        self._stop.touch()
        assert self._process.wait(_BACK) == 0

    def holds(self) -> bool:
        """Whether every block is there."""
        with self._path.open("rb") as file:
            file.seek(8 * MIB)
            blocks = [file.read(4096) for _ in range(self.count)]
        return blocks == [(b"block %d" % each).ljust(4096) for each in range(self.count)]
