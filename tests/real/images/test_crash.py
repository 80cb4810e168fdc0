"""Killed at any point of an import, a conversion or a flattening, the next start ends it."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.services.instance import NewInstance
from tests.real.lab import FLAVOR, IMAGE, Lab, run
from tests.real.life.crasher import INSIDE
from tests.real.life.scripts import INSTANCE, SCRIPTS, SOURCE
from tests.real.life.test_crash import commit, crasher

_SAMPLE = 1  # points of each script in an ordinary run, all between steps or all inside them
_PARTS = 6  # of the run of all points
PAIRS = (("bring", "drop"), ("flatten", "rebase"))


class Crashes:
    """A cloud in which one script undoes the other, killed and finished in turn."""

    def __init__(self, lab: Lab, pair: tuple[str, str]) -> None:
        self.lab, self.pair = lab, pair
        self.points: dict[str, list[str]] = {}
        self.ends: dict[str, str] = {}
        for script in pair:
            done = crasher(lab, script)
            assert done.returncode == 0, done.stderr
            self.points[script] = done.stdout.splitlines()
            lab.assert_in_order()
            self.ends[script] = self.shape()

    def shape(self) -> str:
        """Also that no byte is another."""
        return "\n".join([self.lab.shape(), *self.disks()])

    def disks(self) -> list[str]:
        """What root disks hold, hashed."""
        disks = []
        for disk in sorted(self.lab.state.glob("instances/*/disk*.qcow2")):
            out = disk.with_name("out")
            run("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", str(disk), str(out))
            disks.append(run("sha256sum", str(out)).split()[0])
            out.unlink()
        return disks

    def recovered(self, script: str, point: int) -> tuple[Cloud, str]:
        """The cloud, opened again after a kill, and where that was."""
        died = crasher(self.lab, script, str(point))
        where = f"{script} killed at {point}: {self.points[script][point]}"
        assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
        cloud = self.lab.reopen()
        cloud.drift.recover()
        return cloud, where

    def kill(self, script: str, point: int) -> None:
        cloud, where = self.recovered(script, point)
        try:
            self.lab.assert_in_order()
            assert self.leftovers() == [], "something partial is left"
            SCRIPTS[script](cloud)
            self.lab.assert_in_order()
            assert self.shape() == self.ends[script]
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error

    def leftovers(self) -> list[Path]:
        return [*self.lab.state.glob("images/.*"), *self.lab.state.glob("instances/*/.*")]

    def take_turns(self, *, inside: bool, most: int | None = None, part: int = 0) -> None:
        chosen = []
        for script in self.pair:
            points = enumerate(self.points[script])
            found = [number for number, text in points if (INSIDE in text) is inside]
            chance = random.Random(commit())
            some = chance.sample(found, min(most or 0, len(found)))
            chosen.append(found[part::_PARTS] if most is None else some)
        for turn in zip_longest(*chosen):
            for script, point in zip(self.pair, turn, strict=True):
                if point is None:
                    SCRIPTS[script](self.lab.cloud)
                else:
                    self.kill(script, point)


@pytest.fixture(scope="module")
def ready(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A source of images, and an instance that is off and has written something."""
    folder = tmp_path_factory.mktemp("source")
    raw, source = folder / "raw", folder / "source.qcow2"
    raw.write_bytes(os.urandom(6 << 20) + bytes(10 << 20))
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(source))
    os.environ[SOURCE] = str(source)
    cloud = shared_lab.cloud
    instance = cloud.instances.create(NewInstance(INSTANCE, FLAVOR, IMAGE, ()))
    cloud.instances.stop(instance.id)
    disk = next(shared_lab.state.glob(f"instances/{instance.id}/disk*.qcow2"))
    run("qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 100M 1M", str(disk))
    yield shared_lab
    del os.environ[SOURCE]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_sample_of_points_that_changes_with_the_commit(ready: Lab, pair: tuple[str, str]) -> None:
    inside = random.Random(commit() + pair[0]).random() < 0.5
    Crashes(ready, pair).take_turns(inside=inside, most=_SAMPLE)


@pytest.mark.long
def test_a_disk_that_is_written_into_its_image_at_every_point(ready: Lab) -> None:
    """The guest's disk holds the same before and after, and the image is what its sums say."""
    if ready.cloud.instances.show(INSTANCE).base_id is None:
        SCRIPTS["rebase"](ready.cloud)
    crashes = Crashes(ready, ("sink", "sink"))
    disk = next(ready.state.glob("instances/*/disk*.qcow2"))
    for number in range(len(crashes.points["sink"])):
        write = f"write -P {number + 1} {100 + number}M 1M"
        run("qemu-io", "-f", "qcow2", "-c", write, str(disk))
        held = crashes.disks()
        cloud, where = crashes.recovered("sink", number)
        ready.assert_in_order()
        assert crashes.leftovers() == [], where
        assert crashes.disks() == held, where
        cloud.images.verify(IMAGE)
        assert cloud.instances.show(INSTANCE).leaving_id is None, where


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("inside", [False, True], ids=["between", "inside"])
def test_every_point(ready: Lab, pair: tuple[str, str], inside: bool, part: int) -> None:
    Crashes(ready, pair).take_turns(inside=inside, part=part)
