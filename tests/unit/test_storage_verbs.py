"""The verbs on storage with real files and no guest: what each volume holds, and who may what."""

from __future__ import annotations

import errno
import filecmp
import os
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.drivers.volumes import driver
from backends.drivers.volumes.copying import CHUNK
from backends.errors import HalfDone, MachineFailed, NotFound, Refused
from backends.records.image import Image
from backends.records.unit import Kind, Unit
from backends.services.backup import NewBackup
from backends.services.pool import NewPool
from backends.services.volume import NewVolume
from tests.unit.shelf import Shelf

GIB = 1 << 30


def path(cloud: Cloud, name: str) -> Path:
    row = cloud.volumes.show(name).volume
    folder = cloud.settings.volumes
    return folder / row.id


def write(cloud: Cloud, name: str, text: bytes, at: int = 0) -> None:
    with path(cloud, name).open("r+b") as file:
        file.seek(at)
        file.write(text)


def read(cloud: Cloud, name: str, at: int = 0, length: int = 16) -> bytes:
    with path(cloud, name).open("rb") as file:
        file.seek(at)
        return file.read(length).rstrip(b"\0")


@pytest.fixture
def cloud(shelf: Shelf) -> Cloud:
    return shelf.open()


def test_a_copy_has_what_its_source_had_and_stands_on_nothing(cloud: Cloud) -> None:
    volumes, snapshots = cloud.volumes, cloud.snapshots
    volumes.create("one", 1)
    write(cloud, "one", b"first", at=GIB // 2)
    snapshots.create("one", "then")
    write(cloud, "one", b"later", at=GIB // 2)
    volumes.make(NewVolume("of-snapshot", snapshot="then"))
    volumes.make(NewVolume("clone", 2, source="one"))
    snapshots.delete("then")
    volumes.delete("one")
    assert read(cloud, "of-snapshot", GIB // 2) == b"first"
    assert read(cloud, "clone", GIB // 2) == b"later"
    assert path(cloud, "clone").stat().st_size == 2 * GIB
    assert path(cloud, "clone").stat().st_blocks * 512 < 16 << 20
    volumes.delete("of-snapshot", "clone")
    assert [each for each in cloud.settings.volumes.rglob("*") if each.is_file()] == []


def test_a_snapshot_is_as_large_as_its_volume_also_where_that_ends_in_a_hole(cloud: Cloud) -> None:
    cloud.volumes.create("one", 1)
    write(cloud, "one", b"data")
    id_ = cloud.snapshots.create("one", "then").id
    assert (cloud.settings.volumes / "snapshots" / id_).stat().st_size == GIB


def test_a_volume_goes_back_to_its_newest_snapshot_alone(cloud: Cloud) -> None:
    cloud.volumes.create("one", 1)
    write(cloud, "one", b"old")
    cloud.snapshots.create("one", "first")
    write(cloud, "one", b"new")
    cloud.snapshots.create("one", "second")
    write(cloud, "one", b"lost")
    with pytest.raises(Refused) as refusal:
        cloud.volumes.revert("first")
    assert refusal.value.code == "volume.revert.newest"
    cloud.volumes.revert("second")
    assert read(cloud, "one") == b"new"
    cloud.volumes.extend("one", 2)
    cloud.volumes.revert("second")
    assert path(cloud, "one").stat().st_size == 2 * GIB


def test_a_lost_volume_comes_back_from_its_snapshot(cloud: Cloud) -> None:
    cloud.volumes.create("one", 1)
    write(cloud, "one", b"kept")
    cloud.snapshots.create("one", "safe")
    path(cloud, "one").unlink()
    cloud.volumes.revert("safe")
    assert read(cloud, "one") == b"kept"


def test_an_image_fills_a_volume(cloud: Cloud, shelf: Shelf, tmp_path: Path) -> None:
    image = Image(
        project_id=shelf.home, name="disk", disk_format="raw", imported=True, size=GIB,
        virtual_size=GIB, properties={"hw_disk_bus": "virtio"},
    )  # fmt: skip
    with cloud.context.store.write() as session:
        session.add(image)
    cloud.settings.images.mkdir(parents=True)
    with cloud.settings.image(image.id).open("wb") as file:
        file.write(b"system")
        file.truncate(GIB)
    with pytest.raises(Refused) as refusal:
        cloud.volumes.make(NewVolume("small", 0, image="disk"))
    assert refusal.value.code == "volume.size"
    row = cloud.volumes.make(NewVolume("boots", 2, image="disk"))
    assert (row.bootable, row.image_properties["hw_disk_bus"]) == (True, "virtio")
    assert read(cloud, "boots") == b"system"
    assert path(cloud, "boots").stat().st_size == 2 * GIB
    assert path(cloud, "boots").stat().st_blocks * 512 < 16 << 20


def test_an_image_has_its_holes_in_a_volume_by_the_kernels_copy_and_by_qemus(
    cloud: Cloud, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(
        project_id=shelf.home, name="disk", disk_format="raw", imported=True, size=GIB,
        virtual_size=GIB, properties={},
    )  # fmt: skip
    with cloud.context.store.write() as session:
        session.add(image)
    cloud.settings.images.mkdir(parents=True)
    with cloud.settings.image(image.id).open("wb") as file:
        for place in (CHUNK - 1, 5 * CHUNK, GIB // 2):
            file.seek(place)
            file.write(b"data")
        file.truncate(GIB)

    def no_copy(*_: object) -> int:
        raise OSError(errno.EXDEV, "across file systems")

    cloud.volumes.make(NewVolume("copied", image="disk"))
    monkeypatch.setattr(os, "copy_file_range", no_copy)
    cloud.volumes.make(NewVolume("converted", image="disk"))
    for name in ("copied", "converted"):
        assert filecmp.cmp(cloud.settings.image(image.id), path(cloud, name), shallow=False)
        assert path(cloud, name).stat().st_blocks * 512 < 1 << 20


def test_an_incremental_backup_keeps_what_changed(cloud: Cloud) -> None:
    cloud.volumes.create("one", 1)
    write(cloud, "one", b"a")
    write(cloud, "one", b"z", at=10 * CHUNK)
    with pytest.raises(Refused) as refusal:
        cloud.backups.create(NewBackup("one", incremental=True))
    assert refusal.value.code == "backup.no_parent"
    full = cloud.backups.create(NewBackup("one", "full"))
    write(cloud, "one", b"b")
    changes = cloud.backups.create(NewBackup("one", "changes", incremental=True))
    sizes = [cloud.backups.show(each.id).backup.stored for each in (full, changes)]
    assert sizes == [2 * CHUNK, CHUNK]
    cloud.volumes.delete("one")
    for name, text in (("full", b"a"), ("changes", b"b")):
        cloud.backups.verify(name)
        cloud.volumes.make(NewVolume(f"from-{name}", backup=name))
        assert read(cloud, f"from-{name}") == text
        assert read(cloud, f"from-{name}", 10 * CHUNK) == b"z"
    with pytest.raises(Refused) as refusal:
        cloud.backups.delete("full")
    assert refusal.value.code == "backup.in_use"
    (Path(full.folder) / "00000000").write_bytes(b"spoilt")
    with pytest.raises(MachineFailed) as failure:
        cloud.backups.verify("full")
    assert failure.value.code == "backup.damaged"
    cloud.backups.verify("changes")
    cloud.backups.delete("full", "changes")
    assert not any(each.is_file() for each in cloud.settings.backups.rglob("*"))


def test_half_a_restored_backup_is_told_and_finished_or_replaced(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes, backups = cloud.volumes, cloud.backups
    volumes.create("data", 1)
    write(cloud, "data", b"one")
    backups.create(NewBackup("data", "first"))
    write(cloud, "data", b"two")
    backups.create(NewBackup("data", "second"))
    spoilt = Path(backups.create(NewBackup("data", "third")).folder) / "00000000"
    spoilt.write_bytes(b"spoilt")

    def fails(*_: object, **__: object) -> None:
        raise MachineFailed("host.unreachable", "barn cannot be reached")

    def break_off() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(driver, "write", fails)
            with pytest.raises(HalfDone, match="be reached; a part of the backup was written"):
                backups.restore("first", "data")
        assert volumes.show("data").status == "error_restoring"

    break_off()
    with pytest.raises(Refused, match="restore a backup, or delete the volume"):
        volumes.extend("data", 2)
    unit = Unit(Kind.VOLUME, volumes.show("data").volume.id)
    assert [
        "restore backup" in each.text for each in cloud.context.converger.plan([unit]).steps
    ] == [True]
    cloud.context.converge("drift.repair", [unit])
    assert (volumes.show("data").status, read(cloud, "data")) == ("available", b"one")
    break_off()
    with pytest.raises(MachineFailed) as failure:
        backups.restore("third", "data")
    assert failure.value.code == "backup.damaged"
    # The restore before it was gone on with.
    assert (volumes.show("data").status, read(cloud, "data")) == ("available", b"one")
    break_off()
    backups.restore("second", "data")
    assert (volumes.show("data").status, read(cloud, "data")) == ("available", b"two")
    break_off()
    volumes.delete("data")


def test_a_group_is_kept_at_one_moment(cloud: Cloud) -> None:
    groups = cloud.volume_groups
    groups.create("pair")
    for name in ("log", "data"):
        cloud.volumes.create(name, 1)
        write(cloud, name, name.encode())
    groups.add("pair", ["log", "data"])
    groups.snapshot("pair", "both")
    row = groups.show_snapshot("both")
    assert (row.status, len(row.parts)) == ("available", 2)
    for part in row.parts:
        name = next(each.name for each in groups.show("pair").volumes if each.id == part.volume_id)
        cloud.volumes.make(NewVolume(f"{name}-again", snapshot=part.id))
        assert read(cloud, f"{name}-again") == name.encode()
    with pytest.raises(Refused) as refusal:
        groups.delete("pair")
    assert refusal.value.code == "volume_group.snapshots"
    groups.delete_snapshot("both")
    assert cloud.snapshots.list() == []
    groups.delete("pair")
    assert cloud.volumes.show("log").volume.group_id is None


def test_a_volume_goes_to_another_project_by_its_key_alone(shelf: Shelf) -> None:
    giver, taker = shelf.member("giver"), shelf.member("taker")
    giver.volumes.create("gift", 1)
    giver.snapshots.create("gift", "wrapped")
    made = giver.transfers.create("gift")
    assert giver.volumes.show("gift").status == "awaiting-transfer"
    with pytest.raises(Refused) as refusal:
        giver.volumes.extend("gift", 2)
    assert refusal.value.code == "volume.busy"
    with pytest.raises(NotFound):
        taker.transfers.accept(made.transfer.id, "0" * 32)
    with pytest.raises(NotFound):
        taker.transfers.show(made.transfer.id)
    assert made.key not in repr(giver.transfers.show(made.transfer.id))
    taker.transfers.accept(made.transfer.id, made.key)
    assert taker.volumes.show("gift").status == "available"
    assert taker.snapshots.show("wrapped").volume == "gift"
    with pytest.raises(NotFound):
        giver.volumes.show("gift")


def test_quotas_count_snapshots_and_backups(shelf: Shelf) -> None:
    member, admin = shelf.member("ships"), shelf.open()
    limits = {"gigabytes": 2, "snapshots": 1, "backups": 1, "backup-gigabytes": 1}
    admin.quotas.set("ships", limits)
    member.volumes.create("one", 1)
    member.snapshots.create("one", "then")
    for verb in (
        lambda: member.volumes.create("more", 1),
        lambda: member.volumes.extend("one", 2),
        lambda: member.snapshots.create("one", "again"),
    ):
        with pytest.raises(Refused) as refusal:
            verb()
        assert refusal.value.code == "quota.exceeded"
    member.backups.create(NewBackup("one"))
    with pytest.raises(Refused) as refusal:
        member.backups.create(NewBackup("one"))
    assert refusal.value.code == "quota.exceeded"
    with pytest.raises(Refused) as refusal:
        member.backups.create(NewBackup("one", container="/srv"))
    assert refusal.value.code in ("quota.exceeded", "right.missing")


def test_a_pool_promises_no_more_than_its_ratio(cloud: Cloud, tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    for each in (folder, *folder.parents):
        if not each.stat().st_mode & 1:
            each.chmod(each.stat().st_mode | 0o111)
    size = -(-os.statvfs(folder).f_blocks * os.statvfs(folder).f_frsize // GIB)
    cloud.pools.create(NewPool("tight", place=str(folder), ratio=1.0))
    with pytest.raises(Refused) as refusal:
        cloud.volumes.make(NewVolume("huge", size + 1, pool="tight"))
    assert refusal.value.code == "pool.full"
    cloud.volumes.make(NewVolume("fits", 1, pool="tight"))
    cloud.pools.set("tight", enabled=False)
    with pytest.raises(Refused) as refusal:
        cloud.volumes.make(NewVolume("late", 1, pool="tight"))
    assert refusal.value.code == "pool.disabled"
    cloud.volumes.migrate("fits", "default")
    assert path(cloud, "fits").exists()
    assert not any(each.is_file() for each in folder.rglob("*"))


@pytest.mark.parametrize(
    "new",
    [
        NewPool("up", place="/srv/../etc"), NewPool("relative", place="srv"),
        NewPool("root", place="/"), NewPool("lvm", "lvm", "vg/lv"),
        NewPool("thin", "lvm-thin", "vg"),
        NewPool("nfs", "nfs", "server"), NewPool("far", place="/srv", host="other"),
        NewPool("options", "nfs", "server:/x,nolock"), NewPool("dash", "lvm", "-vg"),
    ],
)  # fmt: skip
def test_no_pool_lies_in_a_bad_place(cloud: Cloud, new: NewPool) -> None:
    with pytest.raises(Refused) as refusal:
        cloud.pools.create(new)
    assert refusal.value.code == "pool.place"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"speed": "1"}, "qos.limit"),
        ({"total_iops_sec": "-1"}, "qos.limit"),
        ({"total_iops_sec": "many"}, "qos.limit"),
        ({"total_iops_sec": "5", "read_iops_sec": "5"}, "qos.limit"),
    ],
)
def test_limits_are_numbers_that_fit_together(
    cloud: Cloud, limits: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused) as refusal:
        cloud.volume_types.qos_create("odd", limits)
    assert refusal.value.code == code
