"""A volume moves to another pool while its guest writes to it, and not a byte is lost."""

from __future__ import annotations

import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import Cancelled, MachineFailed, Refused
from backends.records.operation import Outcome
from tests.real.lab import Lab, run
from tests.real.life.scripts import NOMAD, SCRIPTS, SHED
from tests.real.life.test_crash import crasher
from tests.real.storage.wanderer import DEFAULT, GUEST, Folder, Move

_PARTS = 4  # of the run of all points


@pytest.fixture
def shed() -> Iterator[Path]:
    """A folder that QEMU's user can get to."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def move(lab: Lab, shed: Path) -> Move:
    return Move(lab, Folder(shed))


@pytest.mark.long
def test_it_moves_there_and_back_under_a_guest_that_writes(move: Move) -> None:
    move.go_there_and_back()


@pytest.mark.long
def test_one_that_is_cancelled_stays_where_it_was(move: Move) -> None:
    with move.begun() as (other, operation, ended):
        with pytest.raises(Refused) as error:
            other.volumes.extend(NOMAD, 2)
        assert error.value.code == "volume.busy"
        for verb in (other.instances.stop, other.instances.delete):
            with pytest.raises(Refused) as error:
                verb(GUEST)
            assert error.value.code == "volume.moving"
        other.operations.cancel(operation)
    assert isinstance(ended[0], Cancelled)
    assert other.operations.show(operation)[0].outcome is Outcome.CANCELLED
    move.assert_whole(DEFAULT)


@pytest.mark.long
def test_one_whose_guest_goes_off_stays_where_it_was(move: Move) -> None:
    with move.begun() as (_, _, ended):
        run("virsh", "destroy", move.instance.id)
    assert isinstance(ended[0], MachineFailed)
    assert ended[0].code == "volume.move.cut"
    assert not move.place(SHED)
    assert move.cloud.volumes.show(NOMAD).volume.pool == DEFAULT
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
    assert move.place(SHED)
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
                move.assert_whole(SHED if script == "wander" else DEFAULT)
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}") from error
