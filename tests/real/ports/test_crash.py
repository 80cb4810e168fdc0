"""Killed at any point of plugging or unplugging, the next start ends where no kill would have."""

from __future__ import annotations

import random
import signal

import pytest

from backends.records.operation import Outcome
from tests.real.lab import RANGE, Lab
from tests.real.life.scripts import INSTANCE, NETWORK, PORT, SCRIPTS
from tests.real.life.test_crash import commit, crasher


class Plugs:
    """A running guest that gains ports and loses them, killed and finished in turn."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.network(lab.cloud, NETWORK)
        lab.network(lab.cloud, "other", RANGE.replace(".1.", ".2."))
        instance = lab.launch(lab.cloud, INSTANCE, NETWORK)
        lab.guest(instance)
        lab.cloud.ports.create("other", PORT)
        self.points: dict[str, list[str]] = {}
        self.ends: dict[str, str] = {}
        for script in ("plug", "unplug"):
            self.points[script] = crasher(lab, script).stdout.splitlines()
            assert self.points[script]
            lab.assert_in_order()
            self.ends[script] = lab.shape()

    def kill(self, script: str, point: int) -> None:
        """Kill the script at a point; start again, and compare with the undisturbed end."""
        died = crasher(self.lab, script, str(point))
        where = f"{script} killed at {point}: {self.points[script][point]}"
        assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
        cloud = self.lab.reopen()
        cloud.drift.recover()
        try:
            self.lab.assert_in_order()
            assert {row.outcome for row in cloud.operations.list()} == {Outcome.DONE}
            SCRIPTS[script](cloud)
            self.lab.assert_in_order()
            assert self.lab.shape() == self.ends[script]
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error


@pytest.fixture
def plugs(lab: Lab) -> Plugs:
    return Plugs(lab)


@pytest.mark.long
def test_a_sample_of_points_that_changes_with_the_commit(plugs: Plugs) -> None:
    chance = random.Random(commit())
    for script in ("plug", "unplug"):
        plugs.kill(script, chance.randrange(len(plugs.points[script])))


@pytest.mark.long
@pytest.mark.vast
def test_every_point(plugs: Plugs) -> None:
    for plug in range(len(plugs.points["plug"])):
        plugs.kill("plug", plug)
        plugs.kill("unplug", plug % len(plugs.points["unplug"]))
    for unplug in range(len(plugs.points["plug"]), len(plugs.points["unplug"])):
        SCRIPTS["plug"](plugs.lab.cloud)
        plugs.kill("unplug", unplug)
