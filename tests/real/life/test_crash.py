"""Killed at any point of a launch or a deletion, the next start ends where no kill would have."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backends.records.operation import Outcome
from tests.real.lab import Lab
from tests.real.life.scripts import SCRIPTS

_ROOT = Path(__file__).parents[3]
_SAMPLE = 3  # points of each script in an ordinary run
_PARTS = 6  # of the run of all points


class Crashes:
    """A cloud on which the scripts are killed and finished, in turn."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.points: dict[str, list[str]] = {}
        self.ends: dict[str, str] = {}
        for script in ("launch", "delete"):
            self.points[script] = crasher(lab, script).stdout.splitlines()
            lab.assert_in_order()
            self.ends[script] = lab.shape()

    def kill(self, script: str, point: int) -> None:
        """Kill the script at a point; then start again, and compare with the undisturbed end."""
        died = crasher(self.lab, script, str(point))
        where = f"{script} killed at {point}: {self.points[script][point]}"
        assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
        cloud = self.lab.reopen()
        cloud.drift.recover()
        try:
            self.lab.assert_in_order()
            outcomes = {row.outcome for row in cloud.operations.list()}
            assert outcomes == {Outcome.DONE}
            SCRIPTS[script](cloud)
            self.lab.assert_in_order()
            assert self.lab.shape() == self.ends[script]
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error


def crasher(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.real.life.crasher", lab.name, *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def crashes(lab: Lab) -> Crashes:
    return Crashes(lab)


def test_a_sample_of_points_that_changes_with_the_commit(crashes: Crashes) -> None:
    chance = random.Random(commit())
    chosen = {
        name: chance.sample(range(len(each)), _SAMPLE) for name, each in crashes.points.items()
    }
    for launch, delete in zip(chosen["launch"], chosen["delete"], strict=True):
        crashes.kill("launch", launch)
        crashes.kill("delete", delete)


@pytest.mark.long
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_point(crashes: Crashes, part: int) -> None:
    launches = list(range(part, len(crashes.points["launch"]), _PARTS))
    deletions = list(range(part, len(crashes.points["delete"]), _PARTS))
    for number, launch in enumerate(launches):
        crashes.kill("launch", launch)
        if number < len(deletions):
            crashes.kill("delete", deletions[number])
        else:
            SCRIPTS["delete"](crashes.lab.cloud)


def commit() -> str:
    """Names the commit; the sample is the same as long as it is."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "none"
