"""Volumes of a storage host: real LVM over SSH, reached by a running guest over real iSCSI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.errors import Refused
from backends.services.backup import NewBackup
from backends.services.instance import NewInstance, Plug
from backends.services.volume import NewVolume
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, Lab
from tests.real.node.node import Node
from tests.real.storage.farm import THICK, THIN, Farm, make, read, write


@pytest.fixture(scope="module")
def farm(new_node: Callable[..., Node]) -> Farm:
    return Farm(new_node(memory=256, cpus=1, disks=(4096, 4096)))


@pytest.fixture(scope="module")
def shop(shared_lab: Lab, farm: Farm) -> Iterator[tuple[Lab, Cloud, Guest]]:
    """A cloud with the pools, and a running guest."""
    lab, cloud = shared_lab, shared_lab.cloud
    farm.pools(cloud)
    lab.network(cloud, "net")
    guest = lab.guest(lab.launch(cloud, "vm", "net"))
    yield lab, cloud, guest
    cloud.instances.delete("vm")
    cloud.networks.delete("net")
    cloud.pools.delete(THICK, THIN)


# A thick volume is copied whole, which takes an emulated host its time.
@pytest.mark.parametrize("pool", [pytest.param(THICK, marks=pytest.mark.long), THIN])
def test_a_volume_lives_its_life(shop: tuple[Lab, Cloud, Guest], farm: Farm, pool: str) -> None:
    lab, cloud, guest = shop
    volume = make(cloud, "cargo", pool)
    cloud.volumes.attach("cargo", "vm")
    before = write(guest, volume)
    lab.assert_in_order()

    cloud.snapshots.create("cargo", "then", force=True)
    after = write(guest, volume, text="later")
    clone = make(cloud, "clone", pool, snapshot="then")
    cloud.volumes.attach("clone", "vm")
    assert read(guest, clone) == before
    assert read(guest, volume) == after

    if pool == THICK:
        with pytest.raises(Refused, match="has snapshots"):
            cloud.volumes.extend("cargo", 2)
    grown = clone if pool == THICK else volume
    cloud.volumes.extend("clone" if pool == THICK else "cargo", 2)
    device = guest.disk(grown)
    guest.run(f"until [ $(cat /sys/block/{device[5:]}/size) = 4194304 ]; do usleep 50000; done")
    assert (read(guest, clone), read(guest, volume)) == (before, after)
    far = write(guest, grown, place=1900, text="beyond")
    assert read(guest, grown, place=1900) == far

    cloud.volumes.detach("cargo", "vm")
    cloud.volumes.revert("then")
    cloud.volumes.attach("cargo", "vm")
    assert read(guest, volume) == before
    lab.assert_in_order()

    for name in ("cargo", "clone"):
        cloud.volumes.detach(name, "vm")
    cloud.volumes.delete("clone")
    cloud.snapshots.delete("then")
    cloud.volumes.delete("cargo")
    lab.assert_in_order()
    assert farm.things(lab) == []


@pytest.mark.long
def test_what_a_volume_holds_goes_wherever_it_is_sent(
    shop: tuple[Lab, Cloud, Guest], farm: Farm, tmp_path: Path
) -> None:
    lab, cloud, guest = shop
    volume = make(cloud, "cargo", THIN)
    cloud.volumes.attach("cargo", "vm")
    before = write(guest, volume)
    cloud.volumes.detach("cargo", "vm")
    folder = str(tmp_path / "backups")
    cloud.backups.create(NewBackup("cargo", "first", container=folder))

    cloud.volumes.migrate("cargo", "default")
    cloud.volumes.attach("cargo", "vm")
    assert read(guest, volume) == before
    after = write(guest, volume, place=100, text="later")
    cloud.volumes.detach("cargo", "vm")
    cloud.volumes.migrate("cargo", THIN)
    again = NewBackup("cargo", "second", container=folder, incremental=True)
    cloud.backups.create(again)

    made = cloud.volumes.make(NewVolume("restored", backup="second", pool=THIN)).id
    cloud.volumes.attach("restored", "vm")
    assert (read(guest, made), read(guest, made, place=100)) == (before, after)
    cloud.volumes.detach("restored", "vm")
    cloud.backups.restore("first", "restored")
    cloud.volumes.attach("restored", "vm")
    assert read(guest, made) == before
    assert read(guest, made, place=100) != after
    cloud.volumes.detach("restored", "vm")
    lab.assert_in_order()

    cloud.backups.delete("second")
    cloud.backups.delete("first")
    cloud.volumes.delete("cargo", "restored")
    lab.assert_in_order()
    assert farm.things(lab) == []


def test_an_image_becomes_a_volume_there_and_boots(
    shop: tuple[Lab, Cloud, Guest], farm: Farm
) -> None:
    lab, cloud, _ = shop
    cloud.volumes.make(NewVolume("root", 1, image=IMAGE, pool=THIN))
    plugs = (Plug(network="net"),)
    made = cloud.instances.create(NewInstance("far", FLAVOR, plugs=plugs, volume="root"))
    lab.guest(made)
    lab.assert_in_order()
    cloud.instances.delete("far")
    cloud.volumes.delete("root")
    assert farm.things(lab) == []
