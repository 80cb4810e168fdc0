"""A volume moves to a storage host and back while its guest writes, and not a byte is lost."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

import pytest

from backends.errors import HalfDone
from tests.real.lab import Lab
from tests.real.life.scripts import NOMAD, SCRIPTS, SHED
from tests.real.life.test_crash import commit, crasher
from tests.real.node.node import Node
from tests.real.storage.farm import Farm
from tests.real.storage.wanderer import DEFAULT, PATIENCE, Far, Move

_PARTS = 8  # of the run of all points
_SAMPLE = 2  # points of each way


@pytest.fixture(scope="module")
def farm(new_node: Callable[..., Node]) -> Farm:
    return Farm(new_node(memory=256, cpus=1, disks=(4096, 4096)))


@pytest.fixture
def move(lab: Lab, farm: Farm) -> Move:
    return Move(lab, Far(farm))


@pytest.mark.long
def test_it_moves_there_and_back_under_a_guest_that_writes(move: Move) -> None:
    move.go_there_and_back()


@pytest.mark.long
def test_it_moves_between_two_pools_of_the_host(move: Move, farm: Farm) -> None:
    volumes, thick = move.cloud.volumes, "thick"
    farm.pool(move.cloud, thick, "lvm", "vg")
    volumes.migrate(NOMAD, SHED)
    volumes.migrate(NOMAD, thick)
    assert move.checksum() == move.sum
    assert not move.place(SHED)
    move.lab.assert_in_order()
    volumes.migrate(NOMAD, SHED)
    move.assert_whole(SHED)


@pytest.mark.long
def test_one_whose_host_goes_away_goes_on_when_it_is_back(move: Move, farm: Farm) -> None:
    try:
        with move.begun() as (other, operation, ended):
            farm.node.cut_off()
            count = move.written()
            other.operations.cancel(operation)
        assert isinstance(ended[0], HalfDone)
        assert ended[0].code == "volume.move.away"
        # Its guest goes on meanwhile.
        assert move.written() > count
    finally:
        farm.node.restore()
    assert move.cloud.volumes.show(NOMAD).status == "error_retyping"
    move.hurry()
    move.cloud.drift.repair()
    move.assert_whole(SHED)


@pytest.mark.long
@pytest.mark.vast
def test_a_sample_of_points_that_changes_with_the_commit(move: Move) -> None:
    chance = random.Random(commit())
    die(move, lambda points: sorted(chance.sample(range(len(points)), _SAMPLE)))


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("part", range(_PARTS))
def test_killed_at_every_point_it_is_in_one_of_the_pools_and_whole(move: Move, part: int) -> None:
    die(move, lambda points: list(range(len(points)))[part::_PARTS])


def die(move: Move, choose: Callable[[list[str]], list[int]]) -> None:
    """Kill a move there at a point and finish it, then one back, and so on."""
    points = {}
    for script in ("wander", "come back"):
        done = crasher(move.lab, script, patience=PATIENCE)
        assert done.returncode == 0, done.stderr
        points[script] = done.stdout.splitlines()
    ways = [(script, choose(points[script])) for script in points]
    for number in range(max(len(chosen) for _, chosen in ways)):
        for script, chosen in ways:
            if number < len(chosen):
                _die_at(move, script, chosen[number], points[script])
            SCRIPTS[script](move.cloud)
            move.assert_whole(SHED if script == "wander" else DEFAULT)


def _die_at(move: Move, script: str, point: int, points: list[str]) -> None:
    died = crasher(move.lab, script, str(point), patience=PATIENCE)
    where = f"{script} killed at {point}: {points[point]}"
    assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
    try:
        move.reopen()
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error
