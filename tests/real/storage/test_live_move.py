"""A volume moves to another pool while its guest writes to it, and not a byte is lost."""

from __future__ import annotations

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from backends.cloud import Cloud
from backends.errors import Cancelled, MachineFailed, Refused
from backends.records.operation import Outcome
from backends.records.volume import Volume
from backends.services.pool import NewPool
from tests.real.guest import Guest
from tests.real.lab import Lab, eventually, run
from tests.real.life.scripts import NOMAD, SCRIPTS, SHED
from tests.real.life.test_crash import crasher
from tests.real.life.test_operations import begun

GUEST = "carrier"
# MiB of the pattern, which is random; behind it the guest writes one line after another, with sync.
_PATTERN, _LINES = 24, 64
_PARTS = 4  # of the run of all points
_WRITER = (
    "i=0; while true; do i=$((i+1)); echo $i | dd of={device} bs=512 seek=$(({at}*2048+i))"
    " conv=sync,fsync 2>/dev/null; echo $i >/tmp/new; mv /tmp/new /tmp/written; done"
)


class Move:
    """A guest that writes to a volume, in a cloud with two pools of files."""

    def __init__(self, lab: Lab, shed: Path) -> None:
        self.lab, self.shed = lab, shed
        self.cloud: Cloud = lab.cloud
        self.cloud.pools.create(NewPool(SHED, place=str(shed)))
        self.volume: Volume = self.cloud.volumes.create(NOMAD, 1)
        lab.network(self.cloud, "net")
        self.instance = lab.launch(self.cloud, GUEST, "net")
        self.guest: Guest = lab.guest(self.instance)
        self.cloud.volumes.attach(NOMAD, GUEST)
        self.device = self.guest.disk(self.volume.id)
        write = f"dd if=/dev/urandom of={self.device} bs=1M count={_PATTERN} conv=fsync 2>/dev/null"
        self.guest.run(write)
        self.sum = self.checksum()
        self.guest.type(f"({_WRITER.format(device=self.device, at=_LINES)}) &")
        self.guest.run("until [ -s /tmp/written ]; do usleep 20000; done")

    def checksum(self) -> str:
        """Of the pattern, as the guest reads it from the disk."""
        drop = "echo 3 >/proc/sys/vm/drop_caches"
        read = f"dd if={self.device} bs=1M count={_PATTERN} 2>/dev/null | md5sum"
        return self.guest.run(f"{drop}; {read}").split()[0]

    def written(self) -> int:
        """How many lines the guest knows to be on the disk; it is writing more."""
        now = "cat /tmp/written"
        self.guest.run(f"was=$({now}); until [ $({now}) -gt $was ]; do usleep 20000; done")
        return int(self.guest.run(now))

    def place(self, pool: str) -> Path:
        folder = self.shed if pool == SHED else self.cloud.settings.volumes
        return next(folder.rglob(self.volume.id), folder / self.volume.id)

    def assert_alone(self, pool: str) -> Path:
        """It is nowhere else."""
        (path,) = [self.place(each) for each in (SHED, "default") if self.place(each).exists()]
        assert path == self.place(pool)
        return path

    def assert_holds(self, count: int) -> None:
        """Its file has so many lines, which the guest was told are on the disk."""
        path = self.assert_alone(self.cloud.volumes.show(NOMAD).volume.pool)
        with path.open("rb") as file:
            file.seek(_LINES << 20)
            lines = file.read((count + 1) * 512)
        for number in range(1, count + 1):
            assert lines[number * 512 :].split(b"\n", 1)[0] == str(number).encode(), number

    def assert_whole(self, pool: str) -> None:
        """It lies in this pool alone, the guest writes to it there, and nothing is lacking."""
        count = self.written()
        assert self.checksum() == self.sum
        path = self.assert_alone(pool)
        self.assert_holds(count)
        for more in ((), ("--inactive",)):
            assert str(path) in run("virsh", "dumpxml", self.instance.id, *more)
        row = self.cloud.volumes.show(NOMAD)
        assert (row.volume.pool, row.status) == (pool, "in-use")
        self.lab.assert_in_order()

    def reopen(self) -> None:
        """As the next start of a program finds it."""
        self.cloud = self.lab.reopen()
        self.cloud.drift.recover()
        row = self.cloud.volumes.show(NOMAD).volume
        assert row.target_pool == ""
        self.assert_alone(row.pool)
        self.guest = self.lab.look_at(self.instance)

    def slow(self, patch: pytest.MonkeyPatch) -> None:
        """Let libvirt copy a MiB a second."""
        copy = libvirt.virDomain.blockCopy
        limits = {libvirt.VIR_DOMAIN_BLOCK_COPY_BANDWIDTH: 1 << 20}
        patch.setattr(
            libvirt.virDomain,
            "blockCopy",
            lambda domain, disk, xml, params=None, flags=0: copy(domain, disk, xml, limits, flags),
        )


@pytest.fixture
def shed() -> Iterator[Path]:
    """A folder that QEMU's user can get to."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def move(lab: Lab, shed: Path) -> Move:
    return Move(lab, shed)


@pytest.mark.long
def test_it_moves_there_and_back_under_a_guest_that_writes(move: Move) -> None:
    volumes = move.cloud.volumes
    volumes.migrate(NOMAD, SHED)
    move.assert_whole(SHED)
    volumes.migrate(NOMAD, "default")
    move.assert_whole("default")


@pytest.mark.long
def test_one_that_is_cancelled_stays_where_it_was(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    move.slow(monkeypatch)
    other = move.lab.open()
    with begun(move.cloud, lambda: move.cloud.volumes.migrate(NOMAD, SHED)) as (operation, raised):
        eventually(lambda: other.operations.show(operation)[0].progress, "progress")
        with pytest.raises(Refused) as error:
            other.volumes.extend(NOMAD, 2)
        assert error.value.code == "volume.busy"
        with pytest.raises(Refused) as error:
            other.instances.stop(GUEST)
        assert error.value.code == "volume.moving"
        other.operations.cancel(operation)
    assert isinstance(raised[0], Cancelled)
    assert other.operations.show(operation)[0].outcome is Outcome.CANCELLED
    move.assert_whole("default")


@pytest.mark.long
def test_one_whose_guest_goes_off_stays_where_it_was(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    move.slow(monkeypatch)
    other = move.lab.open()
    with begun(move.cloud, lambda: move.cloud.volumes.migrate(NOMAD, SHED)) as (operation, raised):
        eventually(lambda: other.operations.show(operation)[0].progress, "progress")
        run("virsh", "destroy", move.instance.id)
    assert isinstance(raised[0], MachineFailed)
    assert raised[0].code == "volume.move.cut"
    assert not move.place(SHED).exists()
    assert move.cloud.volumes.show(NOMAD).volume.pool == "default"
    monkeypatch.undo()
    # One that is off moves too, and starts from there.
    move.cloud.instances.stop(GUEST)
    move.cloud.volumes.migrate(NOMAD, SHED)
    move.guest.forget()
    move.cloud.instances.start(GUEST)
    move.guest.ready()
    move.device = move.guest.disk(move.volume.id)
    assert move.checksum() == move.sum
    move.lab.assert_in_order()


@pytest.mark.long
def test_one_whose_guest_goes_off_with_the_copy_is_the_copy(move: Move) -> None:
    """Killed right after the guest has gone over, which then writes to the copy and goes off."""
    points = crasher(move.lab, "wander").stdout.splitlines()
    SCRIPTS["come back"](move.cloud)
    point = next(n for n, text in enumerate(points) if re.match("after.*go over", text))
    died = crasher(move.lab, "wander", str(point))
    assert died.returncode == -signal.SIGKILL, died.stderr
    count = move.written()
    run("virsh", "destroy", move.instance.id)
    with pytest.raises(Refused) as error:
        move.lab.cloud.instances.reboot(GUEST, hard=True)
    assert error.value.code == "volume.moving"
    move.reopen()
    assert move.place(SHED).exists()
    move.assert_holds(count)
    move.lab.assert_in_order()


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("part", range(_PARTS))
def test_killed_at_every_point_it_is_in_one_of_the_pools_and_whole(move: Move, part: int) -> None:
    points = {}
    for script in ("wander", "come back"):
        done = crasher(move.lab, script)
        assert done.returncode == 0, done.stderr
        points[script] = done.stdout.splitlines()
    turns = list(zip(points["wander"], points["come back"], strict=True))
    for turn in turns[part::_PARTS]:
        for script, text in zip(points, turn, strict=True):
            point = points[script].index(text)
            died = crasher(move.lab, script, str(point))
            where = f"{script} killed at {point}: {text}"
            assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
            move.reopen()
            SCRIPTS[script](move.cloud)
            try:
                move.assert_whole(SHED if script == "wander" else "default")
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}") from error
