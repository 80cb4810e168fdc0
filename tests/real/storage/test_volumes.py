"""What a guest wrote stays what it wrote, whatever is done to its volumes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.errors import MachineFailed, Refused
from backends.records.tables import Instance
from backends.services.backup import NewBackup
from backends.services.pool import NewPool
from backends.services.volume import NewVolume
from tests.real.guest import Guest
from tests.real.lab import Lab, run

MIB = 1 << 20


class Ship:
    """A guest with a console, and what it writes to its volumes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.cloud: Cloud = lab.cloud
        lab.network(self.cloud, "net")
        self.instance: Instance = lab.launch(self.cloud, "ship", "net")
        self.guest: Guest = lab.guest(self.instance)

    def attach(self, volume: str, **how: bool) -> str:
        """Attach a volume; its device in the guest."""
        self.cloud.volumes.attach(volume, "ship", **how)
        return self.guest.disk(self.cloud.volumes.show(volume).volume.id)

    def write(self, device: str, text: str, at: int = 0) -> None:
        """Write a text at an offset in MiB, past the guest's own cache."""
        command = f"echo {text} | dd of={device} bs=1M seek={at} conv=sync,fsync 2>/dev/null"
        self.guest.run(command)

    def read(self, device: str, at: int = 0) -> str:
        command = f"dd if={device} bs=1M skip={at} count=1 2>/dev/null | head -c 64 | tr -d '\\0'"
        return self.guest.run(command).strip()

    def held(self, volume: str, at: int = 0) -> str:
        """What the machine's file of a volume holds."""
        path = self.lab.cloud.settings.volume(self.cloud.volumes.show(volume).volume.id)
        with path.open("rb") as file:
            file.seek(at * MIB)
            return file.read(64).rstrip(b"\0").decode().strip()


@pytest.fixture(scope="module")
def ship(shared_lab: Lab) -> Ship:
    return Ship(shared_lab)


def test_a_snapshot_of_a_running_guests_volume_is_of_one_moment_and_can_be_gone_back_to(
    ship: Ship,
) -> None:
    volumes, snapshots = ship.cloud.volumes, ship.cloud.snapshots
    volumes.create("log", 1)
    device = ship.attach("log")
    ship.write(device, "before")
    with pytest.raises(Refused, match="say --force"):
        snapshots.create("log", "early")
    snapshots.create("log", "early", force=True)
    ship.write(device, "after")
    volumes.make(NewVolume("copy", snapshot="early"))
    volumes.make(NewVolume("clone", source="log", size=2))
    assert [ship.held(name) for name in ("copy", "clone")] == ["before", "after"]
    with pytest.raises(Refused) as refusal:
        volumes.revert("early")
    assert refusal.value.code == "volume.in_use"
    volumes.detach("log", "ship")
    assert ship.held("log") == "after"
    volumes.revert("early")
    assert ship.held("log") == "before"
    with pytest.raises(Refused) as refusal:
        volumes.delete("log")
    assert refusal.value.code == "volume.snapshots"
    volumes.delete("log", "copy", "clone", cascade=True)
    ship.lab.assert_in_order()


def test_a_volume_grows_under_a_running_guest_and_keeps_to_its_limits(ship: Ship) -> None:
    volumes, types = ship.cloud.volumes, ship.cloud.volume_types
    types.create("slow")
    types.qos_create("gentle", {"total_iops_sec": "200"})
    types.associate("gentle", "slow")
    volumes.make(NewVolume("grows", 1, type="slow"))
    device = ship.attach("grows")
    ship.write(device, "kept")
    volumes.extend("grows", 2)
    sectors = ship.guest.run(f"cat /sys/block/{device.removeprefix('/dev/')}/size")
    assert int(sectors) * 512 == 2 << 30
    assert ship.read(device) == "kept"
    assert "<total_iops_sec>200<" in run("virsh", "dumpxml", ship.instance.id)
    types.qos_set("gentle", {"total_iops_sec": "300"})
    assert "<total_iops_sec>300<" in run("virsh", "dumpxml", ship.instance.id)
    types.disassociate("gentle", "slow")
    assert "iotune" not in run("virsh", "dumpxml", ship.instance.id)
    volumes.detach("grows", "ship")
    volumes.delete("grows")
    ship.lab.assert_in_order()


def test_backups_hold_each_state_and_a_damaged_one_costs_nothing(ship: Ship) -> None:
    volumes, backups = ship.cloud.volumes, ship.cloud.backups
    volumes.create("data", 1)
    device = ship.attach("data")
    ship.write(device, "one")
    ship.write(device, "far", at=500)
    backups.create(NewBackup("data", "full", force=True))
    ship.write(device, "two")
    changes = backups.create(NewBackup("data", "changes", incremental=True, force=True))
    assert backups.show(changes.id).backup.stored <= 4 * MIB
    volumes.detach("data", "ship")
    for name in ("full", "changes"):
        backups.verify(name)
    with pytest.raises(Refused) as refusal:
        backups.delete("full")
    assert refusal.value.code == "backup.in_use"
    backups.restore("full", "data")
    assert [ship.held("data"), ship.held("data", 500)] == ["one", "far"]
    file = ship.cloud.settings.volume(volumes.show("data").volume.id)
    assert file.stat().st_blocks * 512 < 32 * MIB, "zeros take space"
    volumes.make(NewVolume("again", backup="changes"))
    assert [ship.held("again"), ship.held("again", 500)] == ["two", "far"]
    piece = next(Path(backups.show("full").backup.folder).glob("0*"))
    piece.write_bytes(piece.read_bytes()[:-1] + b"x")
    with pytest.raises(MachineFailed) as failure:
        backups.restore("full", "data")
    assert failure.value.code == "backup.damaged"
    assert ship.held("data") == "one"
    backups.delete("full", "changes")
    volumes.delete("data", "again")
    ship.lab.assert_in_order()


def test_an_encrypted_volume_is_plain_to_its_guest_alone(ship: Ship) -> None:
    volumes = ship.cloud.volumes
    ship.cloud.volume_types.create("sealed", encryption="luks")
    row = volumes.make(NewVolume("secret", 1, type="sealed"))
    device = ship.attach("secret")
    ship.write(device, "treasure")
    ship.cloud.snapshots.create("secret", "sealed-then", force=True)
    ship.write(device, "gone")
    volumes.extend("secret", 2)
    sectors = ship.guest.run(f"cat /sys/block/{device.removeprefix('/dev/')}/size")
    assert int(sectors) * 512 == 2 << 30
    volumes.detach("secret", "ship")
    folder = ship.lab.cloud.settings.volumes
    plain = run("grep", "-rlaE", "treasure|gone", folder, check=False)
    assert plain == ""
    volumes.make(NewVolume("opened", snapshot="sealed-then"))
    device = ship.attach("opened")
    assert ship.read(device) == "treasure"
    volumes.detach("opened", "ship")
    volumes.delete("secret", "opened", cascade=True)
    assert list(ship.lab.cloud.settings.keys.iterdir()) == []
    assert row.key_id not in run("virsh", "secret-list")
    ship.lab.assert_in_order()


def test_the_key_of_an_attached_volume_goes_with_its_cloud(lab: Lab) -> None:
    cloud = lab.cloud
    cloud.volume_types.create("sealed", encryption="luks")
    key = cloud.volumes.make(NewVolume("secret", 1, type="sealed")).key_id
    lab.network(cloud, "net")
    lab.launch(cloud, "holder", "net")
    cloud.volumes.attach("secret", "holder")
    assert key is not None
    assert key in run("virsh", "secret-list")
    lab.close()
    assert key not in run("virsh", "secret-list")


@pytest.fixture
def shed() -> Iterator[Path]:
    """A folder that QEMU's user can get to."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def test_a_volume_moves_to_another_pool_with_what_it_holds(
    ship: Ship, shed: Path, tmp_path: Path
) -> None:
    cloud, volumes = ship.cloud, ship.cloud.volumes
    with pytest.raises(Refused, match="cannot pass"):
        cloud.pools.create(NewPool("shed", place=str(tmp_path)))
    cloud.pools.create(NewPool("shed", place=str(shed)))
    cloud.volume_types.create("in-shed", specs={"volume_backend_name": "shed"})
    volumes.create("nomad", 1)
    device = ship.attach("nomad")
    ship.write(device, "luggage")
    volumes.retype("nomad", "in-shed", migrate=True)
    assert [row.volumes for row in cloud.pools.list()] == [0, 1]
    # Its guest has gone over meanwhile.
    assert ship.read(device) == "luggage"
    ship.write(device, "more", at=4)
    ship.lab.assert_in_order()
    volumes.detach("nomad", "ship")
    for how in ({"read_only": True}, {}):
        device = ship.attach("nomad", **how)
        assert [ship.read(device, at) for at in (0, 4)] == ["luggage", "more"]
        if how:
            volumes.migrate("nomad", "default")
            assert [ship.read(device, at) for at in (0, 4)] == ["luggage", "more"]
            ship.lab.assert_in_order()
            volumes.migrate("nomad", "shed")
        volumes.detach("nomad", "ship")
    volumes.migrate("nomad", "default")
    assert ship.held("nomad") == "luggage"
    with pytest.raises(Refused) as refusal:
        cloud.pools.delete("shed")
    assert refusal.value.code == "pool.in_use"
    volumes.delete("nomad")
    cloud.volume_types.delete("in-shed")
    cloud.pools.delete("shed")
    assert not any(path.is_file() for path in shed.rglob("*"))
    ship.lab.assert_in_order()


def test_several_have_a_volume_and_one_may_only_read(ship: Ship) -> None:
    cloud, volumes = ship.cloud, ship.cloud.volumes
    cloud.volume_types.create("shared", specs={"multiattach": "<is> True"})
    volumes.make(NewVolume("board", 1, type="shared"))
    mate = ship.lab.launch(cloud, "mate", "net")
    reader = ship.lab.guest(mate)
    device = ship.attach("board")
    volumes.attach("board", "mate", read_only=True)
    there = reader.disk(volumes.show("board").volume.id)
    ship.write(device, "news")
    look = f"dd if={there} bs=1M count=1 iflag=direct 2>/dev/null | head -c 4"
    assert reader.run(look).strip() == "news"
    assert reader.attempt(f"dd if=/dev/zero of={there} bs=512 count=1 conv=fsync")[0] != 0
    with pytest.raises(Refused) as refusal:
        volumes.attach("board", "mate")
    assert refusal.value.code == "volume.in_use"
    assert [name for name, _ in volumes.show("board").attached] == ["ship", "mate"]
    volumes.detach("board", "ship")
    volumes.detach("board", "mate")
    volumes.delete("board")
    cloud.instances.delete("mate")
    ship.lab.assert_in_order()
