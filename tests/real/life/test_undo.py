"""What a failed verb had made is taken away again, also when the undo itself is killed."""

from __future__ import annotations

import random
import signal

import pytest

from backends.errors import MachineFailed
from backends.records.operation import Outcome
from backends.services.network import NewSubnet
from tests.real.lab import IMAGE, RANGE, Lab, run
from tests.real.life.scripts import BARE, INSTANCE
from tests.real.life.test_crash import commit, crasher

_SAMPLE = 4


class Refusals:
    """A cloud whose bridge somebody deleted, so that libvirt starts no guest on it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.cloud.networks.create(BARE)
        lab.cloud.networks.create_subnet(NewSubnet(BARE, RANGE, dhcp=False))
        run("ovs-vsctl", "del-br", lab.cloud.settings.bridge)
        self.before = lab.shape()
        self.points = crasher(lab, "fail").stdout.splitlines()
        assert any("doom" in point for point in self.points)
        self.assert_nothing_left()

    def kill(self, point: int) -> None:
        where = f"killed at {point}: {self.points[point]}"
        died = crasher(self.lab, "fail", str(point))
        assert died.returncode == -signal.SIGKILL, f"{where}: {died.stdout}{died.stderr}"
        self.lab.reopen().drift.recover()
        try:
            self.assert_nothing_left()
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error

    def assert_nothing_left(self) -> None:
        assert self.lab.shape() == self.before
        assert self.lab.cloud.operations.list(running=True) == []


@pytest.fixture
def refusals(lab: Lab) -> Refusals:
    return Refusals(lab)


def test_libvirt_refuses_and_nothing_is_left(refusals: Refusals) -> None:
    cloud = refusals.lab.cloud
    with pytest.raises(MachineFailed) as refused:
        Lab.launch(cloud, INSTANCE, BARE)
    refusals.assert_nothing_left()
    operation = cloud.operations.list(limit=1)[0]
    assert operation.outcome is Outcome.UNDONE
    assert operation.error_code == refused.value.code
    cloud.drift.repair()
    refusals.lab.assert_in_order()
    Lab.launch(cloud, INSTANCE, BARE)
    refusals.lab.assert_in_order()


def test_the_disk_cannot_be_made_and_nothing_is_left(lab: Lab) -> None:
    network = Lab.network(lab.cloud, "net")
    before = lab.shape()
    base = lab.cloud.settings.image(lab.cloud.images.show(IMAGE).id)
    aside = base.rename(base.with_name("aside"))
    with pytest.raises(MachineFailed):
        Lab.launch(lab.cloud, INSTANCE, network.id)
    aside.rename(base)
    assert lab.shape() == before
    lab.assert_in_order()


def test_a_sample_of_kills_that_changes_with_the_commit(refusals: Refusals) -> None:
    chance = random.Random(commit())
    for point in chance.sample(range(len(refusals.points)), _SAMPLE):
        refusals.kill(point)


@pytest.mark.long
@pytest.mark.vast
def test_a_kill_at_every_point(refusals: Refusals) -> None:
    for point in range(len(refusals.points)):
        refusals.kill(point)


def test_a_volume_that_is_lost_is_not_attached(lab: Lab) -> None:
    cloud = lab.cloud
    instance = Lab.launch(cloud, INSTANCE)
    volume = cloud.volumes.create("lost", 1)
    cloud.settings.volume(volume.id).unlink()
    with pytest.raises(MachineFailed) as refused:
        cloud.volumes.attach(volume.id, instance.id)
    assert refused.value.code == "volume.lost"
    assert cloud.volumes.show(volume.id).attached == ()
    assert cloud.operations.list(limit=1)[0].outcome is Outcome.UNDONE


@pytest.mark.long
def test_a_disk_that_the_guest_keeps_stays_attached(lab: Lab) -> None:
    """A paused guest lets go of nothing."""
    cloud = lab.cloud
    instance = Lab.launch(cloud, INSTANCE)
    lab.look_at(instance).wait_for("lab: no network")
    volume = cloud.volumes.create("kept", 1)
    cloud.volumes.attach(volume.id, instance.id)
    cloud.instances.pause(instance.id)
    with pytest.raises(MachineFailed) as refused:
        cloud.volumes.detach(volume.id, instance.id)
    assert refused.value.code == "volume.detach.refused"
    assert cloud.volumes.show(volume.id).status == "in-use"
    cloud.instances.unpause(instance.id)
    cloud.volumes.detach(volume.id, instance.id)
    assert cloud.volumes.show(volume.id).status == "available"
    lab.assert_in_order()
