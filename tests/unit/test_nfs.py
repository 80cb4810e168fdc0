"""Pools on exports: what is mounted, by whom, and what is said where it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.drivers.facts import Facts
from backends.drivers.volumes.mounts import mounted
from backends.drivers.volumes.nfs import NfsVolumes
from backends.drivers.volumes.pool import Pool
from backends.errors import MachineFailed, Refused
from backends.hosts import LocalHost, Output
from backends.plan.orphans import orphans
from backends.plan.plan import UnitPlan
from backends.plan.pool import plan
from backends.records import snapshot
from backends.records.pool import StoragePool
from backends.records.unit import Kind, Unit
from backends.services.pool import NewPool
from tests.unit.shelf import Shelf

EXPORT = "10.0.0.7:/srv/volumes"


class Station(LocalHost):
    """A machine with this list of mounts, whose `mount.nfs` ends so; it is told what was asked."""

    def __init__(self, mounts: str = "", refusal: str | None = None) -> None:
        super().__init__("station")
        self.mounts, self.refusal = mounts, refusal
        self.asked: list[str] = []

    def read_text(self, path: Path) -> str | None:
        return self.mounts if path == Path("/proc/self/mountinfo") else super().read_text(path)

    def run(self, argv: Sequence[str], **options: object) -> Output:
        self.asked.append(" ".join(argv))
        if self.refusal is None:
            raise MachineFailed("host.command.missing", f"{argv[0]} is not installed")
        return Output(0 if "-V" in argv else 32, "", self.refusal)


def line(point: str, source: str) -> str:
    return f"54 25 0:33 / /{point} rw,relatime shared:1 - nfs4 {source} rw,vers=4.2,hard\n"


@pytest.fixture
def cloud(shelf: Shelf) -> Cloud:
    return shelf.open()


def planned(cloud: Cloud, row: StoragePool, mounts: dict[str, str]) -> UnitPlan:
    with cloud.context.store.write() as session:
        session.merge(row)
    unit = Unit(Kind.POOL, row.id)
    with cloud.context.store.read() as session:
        records = snapshot.read(session, cloud.settings.host)
    return plan(unit, records, Facts(mounts=mounts), cloud.settings)


def test_what_is_mounted_right_in_a_folder_is_listed_as_it_is_called() -> None:
    host = Station(
        line("run/m/one", EXPORT) + line("run/m/two\\040words", "[fd00::7]:/a\\134b")
        + line("run/m/one/below", "10.0.0.8:/x") + line("run/m", "10.0.0.8:/y")
        + line("run/m/one", "10.0.0.9:/over")
    )  # fmt: skip
    assert mounted(host, Path("/run/m")) == {
        "one": "10.0.0.9:/over",
        "two words": "[fd00::7]:/a\\b",
    }


def test_a_pools_export_is_mounted_as_long_as_the_pool_is(cloud: Cloud) -> None:
    row = StoragePool(name="far", driver="nfs", place=EXPORT)
    id_ = row.id
    mount, label = (step.text for step in planned(cloud, row, {}).steps)
    assert (mount, label) == (f"mount {EXPORT} for pool far", f"label pool {id_}")
    for other in ({"far": "10.0.0.7:/other"}, {"near": EXPORT}):
        assert planned(cloud, row, other).steps[0].text == mount
    assert [step.text for step in planned(cloud, row, {"far": EXPORT}).steps] == [label]
    row.absent = True
    assert planned(cloud, row, {"far": EXPORT}).steps[0].text == "let go of pool far"


def test_a_mount_of_no_pool_is_an_orphan(cloud: Cloud) -> None:
    facts = Facts(mounts={"lost": EXPORT})
    with cloud.context.store.read() as session:
        records = snapshot.read(session, cloud.settings.host)
    for known in (records, None):
        (orphan,) = orphans(known, facts, cloud.settings)
        assert orphan.ref == "mount:lost"
        assert [step.text for step in orphan.steps] == ["let go of pool lost"]


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        (None, "pool.nfs.missing", "apt-get install nfs-common"),
        ("mount.nfs: No such device\n", "pool.nfs.kernel", "no NFS client"),
        (
            "mount.nfs: mounting 10.0.0.7:/x failed, reason given by server: Permission denied\n",
            "pool.unmounted",
            f"{EXPORT} cannot be mounted: Permission denied",
        ),
    ],
)
def test_what_cannot_be_mounted_is_told_in_one_line(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, refusal: str | None, code: str, said: str
) -> None:
    monkeypatch.setattr(NfsVolumes, "_reach", lambda volumes: None)
    export = NfsVolumes(Pool("far", "nfs", EXPORT), cloud.settings, Station("", refusal))
    with pytest.raises(MachineFailed) as failure:
        export.mount()
    assert (failure.value.code, said in failure.value.message) == (code, True)


def test_nothing_is_asked_of_an_export_that_is_not_mounted(cloud: Cloud) -> None:
    host = Station(line("elsewhere", EXPORT), "")
    export = NfsVolumes(Pool("far", "nfs", EXPORT), cloud.settings, host)
    with pytest.raises(MachineFailed, match="`quarterdeck repair` mounts it"):
        export.capacity()
    with pytest.raises(MachineFailed) as failure:
        export.create("6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11", 1, "{}", None, lambda share: None)
    assert failure.value.code == "pool.unmounted"
    assert host.asked == []


def test_a_server_that_is_away_is_asked_again_however_often_one_comes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, clock, tried = cloud.settings, [0.0], []

    def connect(where: tuple[str, int], timeout: float) -> None:
        tried.append(clock[0])
        raise TimeoutError("timed out")

    monkeypatch.setattr("backends.drivers.volumes.nfs.socket.create_connection", connect)
    monkeypatch.setattr("backends.drivers.volumes.nfs.time.monotonic", lambda: clock[0])
    host = Station(line(f"{settings.mounts}/far".removeprefix("/"), EXPORT), "")
    export = NfsVolumes(Pool("far", "nfs", EXPORT), settings, host)
    for clock[0] in range(8):
        with pytest.raises(MachineFailed, match=r"10\.0\.0\.7 does not answer: timed out"):
            export.capacity()
    assert tried == [0, 3, 6]


def test_what_another_mounted_in_its_place_stays(cloud: Cloud) -> None:
    point = f"{cloud.settings.mounts}/far".removeprefix("/")
    host = Station(line(point, "10.0.0.9:/other"), "")
    NfsVolumes(Pool("far", "nfs", EXPORT), cloud.settings, host).unmount()
    assert not any(each.startswith("umount") for each in host.asked)


def test_no_export_is_of_a_storage_host(cloud: Cloud) -> None:
    with pytest.raises(Refused) as refusal:
        cloud.pools.create(NewPool("far", "nfs", EXPORT, host="barn"))
    assert refusal.value.code == "pool.place"
