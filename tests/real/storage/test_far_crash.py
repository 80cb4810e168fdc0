"""Killed at any point of a verb on a storage host, the next start ends where no kill would have."""

from __future__ import annotations

import hashlib
import random
import re
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from backends.records.operation import Outcome
from backends.records.volume import Volume
from backends.services.backup import NewBackup
from tests.real.lab import Lab
from tests.real.life.test_crash import commit, crasher
from tests.real.node.node import Node
from tests.real.storage.errands import (
    BEFORE,
    ERRANDS,
    FIRST,
    FOLDER,
    GUEST,
    KEPT,
    MADE,
    PAIRS,
    SECOND,
)
from tests.real.storage.farm import THIN, Farm, make

_ASKED = 3  # the first point at which what was asked for is written down
_SAMPLE = 3  # verbs in an ordinary run, killed once each
# Bytes: what the errands write lies in them.
_OF_TEXT, _OF_IMAGE = 1 << 20, 32 << 20


class Yard:
    """A cloud with a guest, two volumes on the storage host and a backup of the first."""

    def __init__(self, lab: Lab, farm: Farm, backups: Path) -> None:
        self.lab, self.farm, self.backups = lab, farm, backups
        cloud = lab.cloud
        farm.pools(cloud)
        lab.network(cloud, "net")
        lab.guest(lab.launch(cloud, GUEST, "net"))
        for name in (FIRST, SECOND):
            id_ = make(cloud, name, THIN)
            farm.node.feed(name.encode().ljust(4096), "dd", f"of={_device(id_)}", "conv=fsync")
        cloud.backups.create(NewBackup(FIRST, KEPT, container=str(backups)))
        # The end of a restoration is the start of the next.
        cloud.backups.restore(KEPT, SECOND)

    def die(self, errand: str, choose: Callable[[int], list[int]]) -> None:
        """Do it and take it back; then kill it at points of it, and finish it each time."""
        there, back = (f"far-{each}" for each in PAIRS[errand])
        total = len(crasher(self.lab, there).stdout.splitlines())
        assert total, errand
        end = self.shape()
        self._do(back)
        start = self.shape()
        for point in choose(total):
            died = crasher(self.lab, there, str(point))
            where = f"{errand} killed at {point} of {total}"
            assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
            self._settle(where)
            self._do(there)
            assert self.shape() == end, where
            self._do(back)
            assert self.shape() == start, where

    def die_of_it_all(self, errand: str) -> int:
        """Kill it, then whoever comes to finish it, each a point later; returns how many died."""
        there, back = (f"far-{each}" for each in PAIRS[errand])
        self._do(there)
        end = self.shape()
        self._do(back)
        start = self.shape()
        if errand in BEFORE:
            self._do(f"far-{BEFORE[errand]}")
        asked = crasher(self.lab, there, str(_ASKED))
        assert asked.returncode == -signal.SIGKILL, f"{errand}: {asked.stdout}{asked.stderr}"
        for point in count():
            died = crasher(self.lab, "far-recover", str(point))
            if died.returncode != -signal.SIGKILL:
                break
        assert died.returncode == 0, f"{errand} at {point}: {died.stdout}{died.stderr}"
        self._settle(f"{errand}, {point} times killed")
        assert self.shape() == end
        self._do(back)
        assert self.shape() == start
        return point + 1

    def _settle(self, where: str) -> None:
        cloud = self.lab.reopen()
        cloud.drift.recover()
        self.lab.assert_in_order()
        outcomes = {row.outcome for row in cloud.operations.list()}
        assert outcomes <= {Outcome.DONE, Outcome.UNDONE}, where

    def _do(self, errand: str) -> None:
        ERRANDS[errand](self.lab.cloud)

    def shape(self) -> list[str]:
        """What there is here and on the storage host, in words that another run would use too."""
        cloud = self.lab.cloud
        rows = cloud.volumes.list()
        names = {row.volume.id: f"<{row.volume.name}>" for row in rows}
        names |= {row.backup.id: f"<{row.backup.name}>" for row in cloud.backups.list()}
        found = [f"volume {row.volume.name} {row.status} {row.volume.pool} {row.volume.size}"
                 for row in rows]  # fmt: skip
        found += [f"backup {row.backup.name} {row.status}" for row in cloud.backups.list()]
        found += [f"there {each}" for each in self.farm.things(self.lab)]
        found += self._contents([row.volume for row in rows])
        found += [f"backup file {path}" for path in self.backups.rglob("*") if path.is_file()]
        text = "\n".join([*found, *self.lab.things()])
        for id_, name in names.items():
            text = text.replace(id_, name)
        text = re.sub(r"Target \d+", "Target", text)
        return sorted(text.splitlines())

    def _contents(self, volumes: list[Volume]) -> list[str]:
        """What each holds, as far as anything was written to it: checksums are slow there."""
        found, sums = [], []
        for each in volumes:
            size = _OF_IMAGE if each.name == MADE else _OF_TEXT
            if each.pool == THIN:
                sums.append(f"echo content {each.id} $(head -c {size} {_device(each.id)} | md5sum)")
                continue
            with self.lab.cloud.settings.volume(each.id).open("rb") as file:
                digest = hashlib.md5(file.read(size)).hexdigest()
                found.append(f"content {each.id} {digest} -")
        return [*found, *self.farm.node.run("sh", "-c", "; ".join(sums)).splitlines()]


@pytest.fixture(scope="module")
def farm(new_node: Callable[..., Node]) -> Farm:
    return Farm(new_node(memory=256, cpus=1, disks=(4096, 4096)))


@pytest.fixture(scope="module")
def yard(shared_lab: Lab, farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    backups = tmp_path_factory.mktemp("backups")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(backups))
        made = Yard(shared_lab, farm, backups)
        yield made
        cloud = shared_lab.cloud
        cloud.backups.delete(KEPT)
        cloud.volumes.delete(FIRST, SECOND)
        assert farm.things(shared_lab) == []


@pytest.mark.long
@pytest.mark.vast
def test_a_sample_of_points_that_changes_with_the_commit(yard: Yard) -> None:
    chance = random.Random(commit())
    for errand in chance.sample(sorted(PAIRS), _SAMPLE):
        yard.die(errand, lambda count: [chance.randrange(count)])


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("errand", PAIRS)
def test_whoever_finishes_it_is_killed_too(yard: Yard, errand: str) -> None:
    assert yard.die_of_it_all(errand) > 1


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("errand", PAIRS)
def test_every_point(yard: Yard, errand: str) -> None:
    yard.die(errand, lambda count: list(range(count)))


def _device(volume_id: str) -> str:
    return f"/dev/vg/volume-{volume_id}.pool"
