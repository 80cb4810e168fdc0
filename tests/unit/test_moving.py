"""A volume that moves under its guest: what is copied, and what is left when that ends early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.drivers.libvirt.facts import State
from backends.drivers.libvirt.spec import Disk
from backends.drivers.step import Progress
from backends.drivers.volumes import moving
from backends.drivers.volumes.files import FileVolumes
from backends.drivers.volumes.keys import Keys
from backends.drivers.volumes.moving import Landing
from backends.drivers.volumes.offers import Offers
from backends.drivers.volumes.pool import Pool
from backends.drivers.volumes.quiet import Quiet
from backends.drivers.volumes.steps import CopyVolume
from backends.errors import Cancelled, HalfDone, MachineFailed
from backends.hosts import LocalHost
from backends.plan.converge import plan
from backends.records.instance import Power
from backends.records.unit import Kind, Unit
from tests.machine_model import Model, converge
from tests.sample_records import SETTINGS, ident, records

ID, GUEST = ident("volume", 0), ident("instance", 0)
STEP = CopyVolume(ID, Pool(), Pool("shed"), 4096, '{"volume": {}}', GUEST)


class Paper:
    """A guest that goes over, or ends early, `over` or not.

    `doubtful` is one that is not found, `bound` one that was told to go over.
    """

    def __init__(
        self, place: str, *, at_work: bool = False, fails: bool = False, over: bool = True,
        doubtful: bool = False, bound: bool = False,
    ) -> None:  # fmt: skip
        self._place, self._at_work = place, at_work
        self._fails, self._over, self._doubtful, self._bound = fails, over, doubtful, bound
        self.done: list[str] = []

    def runs(self) -> bool:
        return True

    def place(self, serial: str) -> str | None:
        if self._doubtful and self.done:
            raise MachineFailed("libvirt.unreachable", "nobody there")
        return self._place

    def is_at_work(self, serial: str) -> bool:
        return self._at_work

    def goes_over(self, serial: str) -> bool:
        return self._bound

    def begin(self, disk: Disk) -> None:
        assert Path(disk.path).stat().st_size == STEP.size
        assert Path(disk.path).stat().st_mode & 0o777 == 0o600
        self.done.append("begin")

    def finish(self, disk: Disk, progress: Progress, ready: Callable[[], None]) -> None:
        ready()
        self.done.append("finish")
        self._place = disk.path if self._over else self._place
        if self._fails:
            raise Cancelled("volume.migrate")

    def catch_up(self, serial: str) -> None:
        raise AssertionError("a file is at no storage host")

    def abort(self, serial: str) -> None:
        self.done.append("abort")


class PaperOffers(Offers):
    """A target that is as it should be."""

    def __init__(self) -> None:
        super().__init__("t", Keys(SETTINGS, LocalHost()), lambda guests, halts: Quiet())

    def make(self, *args: object, **options: object) -> None:
        """It was there."""


@pytest.fixture
def shed(tmp_path: Path) -> FileVolumes:
    return FileVolumes(tmp_path / "shed", LocalHost(), "shed")


def move(guest: Paper, shed: FileVolumes) -> None:
    disk = Disk(str(shed.path(ID)), "raw", "vdb", ID)
    moving.move(guest, disk, Landing(STEP, shed, PaperOffers()), lambda share: None)


@pytest.mark.parametrize(
    ("at_work", "done"), [(False, ["begin", "finish"]), (True, ["finish"])], ids=["new", "resumed"]
)
def test_its_guest_goes_over_and_the_copy_is_labelled(
    shed: FileVolumes, at_work: bool, done: list[str]
) -> None:
    guest = Paper("/old", at_work=at_work)
    move(guest, shed)
    assert guest.done == done
    assert shed.host.read_text(shed.path(ID).with_name(f"{ID}.json")) == STEP.label


def test_one_that_has_gone_over_is_only_labelled(shed: FileVolumes) -> None:
    shed.folder.mkdir()
    shed.path(ID).write_bytes(b"content")
    guest = Paper(str(shed.path(ID)))
    move(guest, shed)
    assert guest.done == []
    assert shed.path(ID).read_bytes() == b"content"


@pytest.mark.parametrize(
    ("guest", "left"),
    [
        (Paper("/old", fails=True, over=False), False),
        (Paper("/old", fails=True), True),
        (Paper("/old", fails=True, over=False, doubtful=True), True),
        (Paper("/old", fails=True, over=False, bound=True), True),
    ],
    ids=["it stayed", "it went over", "nobody knows", "it is about to go over"],
)
def test_the_copy_goes_only_where_its_guest_is_known_to_have_stayed(
    shed: FileVolumes, guest: Paper, left: bool
) -> None:
    with pytest.raises((Cancelled, MachineFailed)):
        move(guest, shed)
    assert guest.done == ["begin", "finish", "abort"]
    assert shed.path(ID).exists() is left


def test_a_copy_is_not_ended_while_its_storage_host_is_away(shed: FileVolumes) -> None:
    """Port 1 of this machine takes no connection."""
    away = Pool("away", "lvm", "vg", "barn", "127.0.0.1", portal="127.0.0.1:1")
    guest = Paper("/old", at_work=True, fails=True, over=False)
    disk = Disk("iqn", "raw", "vdb", ID)
    landing = Landing(replace(STEP, target=away), shed, PaperOffers())
    with pytest.raises(HalfDone) as error:
        moving.move(guest, disk, landing, lambda share: None)
    assert error.value.code == "volume.move.away"
    assert guest.done == ["finish"]


def test_an_instance_is_left_alone_while_a_volume_of_it_moves() -> None:
    found, unit = records(volumes=1), Unit(Kind.INSTANCE, GUEST)
    model = Model()
    converge(model, found, SETTINGS)
    assert model.facts().domains[GUEST].state is State.RUNNING
    found.instances[GUEST].power = Power.STOPPED
    found.volumes[ID].target_pool = "shed"
    planned = plan(found, model.facts(), SETTINGS, [unit])
    assert list(planned.steps) == []
    assert [each.code for each in planned.problems] == ["volume.moving"]
    found.volumes[ID].target_pool = ""
    assert plan(found, model.facts(), SETTINGS, [unit]).steps
