"""Killed at any point of a launch or a deletion, the next start ends where no kill would have."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import pytest

from backends.records.operation import Outcome
from tests.real.lab import Lab
from tests.real.life.crasher import INSIDE
from tests.real.life.scripts import SCRIPTS

_ROOT = Path(__file__).parents[3]
_SAMPLE = 3  # points of each script in an ordinary run
_PARTS = 6  # of the run of all points
SCRIPT_NAMES = ("launch", "delete")


class Crashes:
    """A cloud on which the scripts are killed and finished, in turn."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.points: dict[str, list[str]] = {}
        self.ends: dict[str, str] = {}
        for script in SCRIPT_NAMES:
            self.points[script] = crasher(lab, script).stdout.splitlines()
            lab.assert_in_order()
            self.ends[script] = lab.shape()

    def of(self, script: str, *, inside: bool = False) -> list[int]:
        """The script's points between its steps, or inside them."""
        points = enumerate(self.points[script])
        return [number for number, text in points if (INSIDE in text) is inside]

    def take_turns(self, launches: Sequence[int], deletions: Sequence[int]) -> None:
        """Kill a launch, then a deletion of what was launched, and so on."""
        for launch, deletion in zip_longest(launches, deletions):
            if launch is None:
                SCRIPTS["launch"](self.lab.cloud)
            else:
                self.kill("launch", launch)
            if deletion is None:
                SCRIPTS["delete"](self.lab.cloud)
            else:
                self.kill("delete", deletion)

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


def crasher(lab: Lab, *arguments: str, patience: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.real.life.crasher", lab.name, *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


@pytest.fixture
def crashes(lab: Lab) -> Crashes:
    return Crashes(lab)


def test_a_sample_of_points_that_changes_with_the_commit(crashes: Crashes) -> None:
    chance = random.Random(commit())
    crashes.take_turns(*(chance.sample(crashes.of(name), _SAMPLE) for name in SCRIPT_NAMES))


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_point_between_steps(crashes: Crashes, part: int) -> None:
    crashes.take_turns(*(crashes.of(name)[part::_PARTS] for name in SCRIPT_NAMES))


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_point_inside_steps(crashes: Crashes, part: int) -> None:
    crashes.take_turns(*(crashes.of(name, inside=True)[part::_PARTS] for name in SCRIPT_NAMES))


def commit() -> str:
    """Names the commit; the sample is the same as long as it is."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "none"
