"""Killed at any point of what routes, the next start ends where no kill would have; and rescue."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from itertools import zip_longest

import pytest

from backends.rescue import rescue
from tests.real.lab import Lab
from tests.real.life.crasher import INSIDE
from tests.real.life.scripts import SCRIPTS
from tests.real.life.test_crash import commit, crasher

_SAMPLE = 3  # points of each script in an ordinary run
_PARTS = 8  # of the run of all points


class Crashes:
    """A cloud on which routes are made and taken away, killed and finished in turn."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.points: dict[str, list[str]] = {}
        self.ends: dict[str, str] = {}
        for script in ("route", "unroute"):
            done = crasher(lab, script)
            assert done.returncode == 0, done.stderr
            self.points[script] = done.stdout.splitlines()
            lab.assert_in_order()
            self.ends[script] = lab.shape()

    def kill(self, script: str, point: int) -> None:
        died = crasher(self.lab, script, str(point))
        where = f"{script} killed at {point}: {self.points[script][point]}"
        assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
        cloud = self.lab.reopen()
        cloud.drift.recover()
        try:
            self.lab.assert_in_order()
            SCRIPTS[script](cloud)
            self.lab.assert_in_order()
            assert self.lab.shape() == self.ends[script]
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error

    def take_turns(self, *, inside: bool, most: int | None = None, part: int = 0) -> None:
        chosen = []
        for script in ("route", "unroute"):
            points = enumerate(self.points[script])
            found = [number for number, text in points if (INSIDE in text) is inside]
            chance = random.Random(commit())
            chosen.append(found[part::_PARTS] if most is None else chance.sample(found, most))
        for making, taking in zip_longest(*chosen):
            for script, point in (("route", making), ("unroute", taking)):
                if point is None:
                    SCRIPTS[script](self.lab.cloud)
                else:
                    self.kill(script, point)


@pytest.fixture
def lab(daemons: None) -> Iterator[Lab]:
    """A cloud without images: nothing here boots."""
    lab = Lab()
    lab.start()
    yield lab
    lab.close()


def test_a_sample_of_points_that_changes_with_the_commit(lab: Lab) -> None:
    Crashes(lab).take_turns(inside=False, most=_SAMPLE)


@pytest.mark.long
@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("inside", [False, True], ids=["between steps", "inside steps"])
def test_every_point(lab: Lab, inside: bool, part: int) -> None:
    Crashes(lab).take_turns(inside=inside, part=part)


def test_a_lost_store_is_made_again_with_its_routers(lab: Lab) -> None:
    SCRIPTS["route"](lab.cloud)
    before = [line for line in lab.shape().splitlines() if line.split()[1] in _ROUTING]
    lab.known_ids()
    lab.cloud.close()
    for path in lab.state.glob("store.db*"):
        path.unlink()
    report = rescue(lab.access)
    lab.cloud = lab.open()
    assert report.lost == []
    assert (report.made["routers"], report.made["floating IPs"]) == (1, 1)
    assert [line for line in lab.shape().splitlines() if line.split()[1] in _ROUTING] == before
    lab.assert_in_order()
    SCRIPTS["unroute"](lab.cloud)
    lab.assert_in_order()


_ROUTING = ("router", "floatingip", "network", "subnet", "port", "address", "localvlan")
