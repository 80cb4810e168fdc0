"""Killed at any point of a capture, a resize or its way back: the same end, and no byte lost."""

from __future__ import annotations

import random
import signal
import subprocess
from itertools import zip_longest
from pathlib import Path

import pytest

from backends.records.instance import Instance
from backends.records.operation import Outcome
from backends.services.instance import NewInstance
from tests.real.lab import FLAVOR, IMAGE, Lab, run
from tests.real.life.scripts import MORE, PICTURE, SCRIPTS, STILL
from tests.real.life.test_crash import commit, crasher

_SAMPLE = 3
_PARTS = 4


class Still:
    """An instance that is off, with a pattern on its disk."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        lab.cloud.flavors.create(MORE, ram=160, vcpus=1, disk=2)
        lab.cloud.instances.create(NewInstance(STILL, FLAVOR, IMAGE, ()))
        lab.cloud.instances.stop(STILL)
        (disk,) = self.disks()
        run("qemu-io", "-f", "qcow2", "-c", "write -P 7 800M 8M", str(disk))
        self.before = folder / "before.qcow2"
        run("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", str(disk), str(self.before))
        self.points = {name: crasher(lab, name).stdout.splitlines() for name in ("grow", "shrink")}

    @property
    def row(self) -> Instance:
        return self.lab.cloud.instances.show(STILL)

    def disks(self) -> list[Path]:
        """All of its folder that is neither its config drive nor its console's log."""
        folder = self.lab.state / "instances" / self.row.id
        return sorted(path for path in folder.iterdir() if path.suffix not in (".iso", ".log"))

    def run_to(self, script: str, point: int | None) -> None:
        """Kill a script at a point, start again, and look."""
        if point is not None:
            where = f"{script} killed at {point}: {self.points[script][point]}"
            died = crasher(self.lab, script, str(point))
            assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
        else:
            where = script
        cloud = self.lab.reopen()
        try:
            cloud.drift.recover()
            self.lab.assert_in_order()
            assert {row.outcome for row in cloud.operations.list()} == {Outcome.DONE}
            SCRIPTS[script](cloud)
            self.lab.assert_in_order()
            self.check(grown=script == "grow")
        except (AssertionError, subprocess.SubprocessError) as error:
            raise AssertionError(f"{where}: {error}") from error

    def check(self, *, grown: bool) -> None:
        """What is there, and that it holds what the guest had."""
        names = [path.name for path in self.disks()]
        pictures = [row for row in self.lab.cloud.images.list() if row.name == PICTURE]
        assert (len(names), len(pictures)) == ((2, 1) if grown else (1, 0)), names
        images = self.lab.state / "images"
        for path in (*self.disks(), *(images / row.id for row in pictures)):
            compare = ("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2")
            run(*compare, str(path), str(self.before))
        assert self.row.disk == (2 if grown else 1)


@pytest.fixture
def still(lab: Lab, tmp_path: Path) -> Still:
    return Still(lab, tmp_path)


def _take_turns(still: Still, growths: list[int], shrinks: list[int]) -> None:
    for growth, shrink in zip_longest(growths, shrinks):
        still.run_to("grow", growth)
        still.run_to("shrink", shrink)


def test_a_sample_of_points_that_changes_with_the_commit(still: Still) -> None:
    chance = random.Random(commit())
    chosen = {name: chance.sample(range(len(each)), _SAMPLE) for name, each in still.points.items()}
    _take_turns(still, chosen["grow"], chosen["shrink"])


@pytest.mark.long
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_point(still: Still, part: int) -> None:
    every = {name: list(range(len(each)))[part::_PARTS] for name, each in still.points.items()}
    _take_turns(still, every["grow"], every["shrink"])
