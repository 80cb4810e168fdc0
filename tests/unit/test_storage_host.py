"""Volumes of a storage host: how often it is asked for what, and when a volume has a target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

import backends.drivers.volumes.driver
from backends.cloud import Cloud
from backends.drivers.facts import Facts
from backends.drivers.libvirt.steps import TakeKeyBack
from backends.drivers.volumes.backend import Look
from backends.drivers.volumes.driver import VolumeDriver
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.pool import Pool, iqn, pool_of
from backends.drivers.volumes.steps import RemoveVolume
from backends.errors import MachineFailed, Refused
from backends.hosts import LocalHost, Output
from backends.plan.plan import UnitPlan
from backends.plan.volume import plan
from backends.records import snapshot
from backends.records.pool import StoragePool
from backends.records.tables import Attachment, Instance, Volume
from backends.records.unit import Kind, Unit
from backends.services.volume import NewVolume
from tests.unit.paper import Nothing
from tests.unit.shelf import Shelf

GIB = 1 << 30


class Barn(LocalHost):
    """A host with a volume group, a thin pool in it, and targets; notes what it is asked."""

    def __init__(self) -> None:
        super().__init__("barn")
        self.asked: list[str] = []
        self.volumes: dict[str, dict[str, str]] = {"pool": _row("pool", 8 * GIB)}
        self.targets: list[str] = []
        self.is_away = False

    def run(self, argv: Sequence[str], **options: object) -> Output:
        if self.is_away:
            raise MachineFailed("host.unreachable", "barn cannot be reached")
        self.asked.append(f"{argv[0]} {argv[-1]}" if argv[0] != "lvcreate" else argv[0])
        if argv[0] == "lvcreate":
            name = argv[argv.index("--name") + 1]
            own = [tag for flag, tag in pairwise(argv) if flag == "--addtag"]
            thin_pool = "pool" if name.endswith(".pool") else ""
            self.volumes[name] = _row(name, GIB, own, thin_pool)
        elif argv[0] == "lvchange":
            row = self.volumes[argv[-1].partition("/")[2]]
            row["lv_tags"] = row["lv_tags"].replace(f",{argv[2]}", "")
        elif argv[0] == "lvremove":
            del self.volumes[argv[-1].partition("/")[2]]
        elif argv[0] == "lvs":
            name = argv[-1].partition("/")[2]
            found = [row for row in self.volumes.values() if name in ("", row["lv_name"])]
            if not found:
                return Output(5, "", f'  Failed to find logical volume "{argv[-1]}"')
            return Output(0, json.dumps({"report": [{"lv": found}]}), "")
        elif argv[0] == "vgs":
            said = json.dumps({"report": [{"vg": [{"vg_size": str(9 * GIB), "vg_free": "0"}]}]})
            return Output(0, said, "")
        elif argv[0] == "tgtadm":
            return Output(0, "\n".join(self.targets), "")
        return Output(0, "", "")


def _row(name: str, size: int, tags: Sequence[str] = (), pool: str = "") -> dict[str, str]:
    own = {"lv_name": name, "lv_size": str(size), "lv_tags": ",".join(tags), "pool_lv": pool}
    return own | {"data_percent": "0", "metadata_percent": "0"}


@pytest.fixture
def barn() -> Barn:
    return Barn()


@pytest.fixture
def cloud(shelf: Shelf, barn: Barn) -> Cloud:
    """With a thin and a thick pool on the barn."""
    cloud = shelf.open()
    driver = VolumeDriver(shelf.settings, cloud.machine.host, hosts=lambda pool: barn)
    vars(cloud.machine)["volumes"] = driver
    with cloud.context.store.write() as session:
        for name, kind, place in (("thin", "lvm-thin", "vg/pool"), ("thick", "lvm", "vg")):
            session.add(
                StoragePool(
                    name=name, driver=kind, place=place, host="barn", address="127.0.0.1",
                    ratio=20.0,
                )
            )  # fmt: skip
    return cloud


def test_a_volume_is_made_by_one_command_and_is_not_looked_for(cloud: Cloud, barn: Barn) -> None:
    made = cloud.volumes.make(NewVolume("one", 1, pool="thin"))
    assert barn.asked == ["lvs vg/pool", f"lvs vg/volume-{made.id}.pool", "lvcreate"]
    barn.asked.clear()
    clone = cloud.volumes.make(NewVolume("two", source="one"))
    assert barn.asked == ["lvs vg/pool", f"lvs vg/volume-{clone.id}.pool", "lvcreate"]


def test_a_look_asks_for_each_thing_once(cloud: Cloud, barn: Barn) -> None:
    made = cloud.volumes.make(NewVolume("one", 1, pool="thin"))
    barn.asked.clear()
    assert planned(cloud, made.id) == UnitPlan(Unit(Kind.VOLUME, made.id))
    assert barn.asked == ["lvs vg", "tgtadm target"]


def test_a_volume_has_a_target_as_soon_as_an_instance_has_it(cloud: Cloud, barn: Barn) -> None:
    id_ = cloud.volumes.make(NewVolume("one", 1, pool="thin")).id
    assert steps(cloud, id_) == []
    (offer,) = steps(cloud, id_, "vm")
    assert offer == f"offer volume {id_} by iSCSI from barn"
    barn.targets = [
        f"Target 3: {iqn('shelf', id_, Pool('thin'))}", "    LUN information:", "        LUN: 0",
        "        LUN: 1", "            Size: 1074 MB, Block size: 512",
        f"            Backing store path: /dev/vg/volume-{id_}.pool",
        "            Backing store flags: sync", "    Account information:",
        f"        {id_}.thin", "    ACL information:", "        127.0.0.1", "",
    ]  # fmt: skip
    assert steps(cloud, id_, "vm") == []
    # One that was larger than its target while nobody had it gets a larger target then.
    barn.volumes[f"volume-{id_}.pool"]["lv_size"] = str(2 * GIB)
    assert steps(cloud, id_) == []
    assert steps(cloud, id_, "vm") == [offer]


def test_a_volume_moves_between_two_pools_of_a_group(
    cloud: Cloud, barn: Barn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends.drivers.volumes.driver, "carry", lambda *args, **options: None)
    for pool in ("thin", "thick"):
        # Its label is written, by which its volumes are looked for.
        cloud.pools.set(pool, enabled=True)
    id_ = cloud.volumes.make(NewVolume("one", 1, pool="thin")).id
    for pool, name in (("thick", f"volume-{id_}"), ("thin", f"volume-{id_}.pool")):
        cloud.volumes.migrate("one", pool)
        assert sorted(barn.volumes) == ["pool", name]
        assert steps(cloud, id_) == []


def hold(cloud: Cloud, volume_id: str) -> None:
    """An instance gets the volume, on paper."""
    with cloud.context.store.write() as session:
        volume = session.get_one(Volume, volume_id)
        guest = Instance(
            project_id=volume.project_id, name="vm", hostname="vm", host="deck", flavor_id="f",
            flavor_name="f", vcpus=1, ram=1, disk=1, made=True,
        )  # fmt: skip
        session.add(guest)
        session.add(Attachment(volume_id=volume_id, instance_id=guest.id, device="vdb"))
    vars(cloud.context)["converger"] = Nothing()


def test_an_encrypted_volume_does_not_move_while_a_guest_has_it(cloud: Cloud) -> None:
    plain, sealed = (cloud.volumes.create(name, 1).id for name in ("plain", "sealed"))
    for each in (plain, sealed):
        hold(cloud, each)
    with cloud.context.store.write() as session:
        session.get_one(Volume, sealed).key_id = "k"
    assert cloud.volumes.migrate("plain", "thin").target_pool == "thin"
    with pytest.raises(Refused, match="in the clear") as refusal:
        cloud.volumes.migrate("sealed", "thin")
    assert refusal.value.code == "volume.move.live"


def test_a_copy_that_is_written_whole_needs_room_for_all_of_it(cloud: Cloud, barn: Barn) -> None:
    hold(cloud, cloud.volumes.create("one", 1).id)
    barn.volumes["pool"]["data_percent"] = "90"
    with pytest.raises(Refused, match="0 GiB free") as refusal:
        cloud.volumes.migrate("one", "thin")
    assert refusal.value.code == "pool.full"


def test_the_key_of_a_target_goes_when_the_volume_leaves_storage_hosts(
    cloud: Cloud, barn: Barn
) -> None:
    for pool in ("thin", "thick"):
        cloud.pools.set(pool, enabled=True)
    id_ = cloud.volumes.make(NewVolume("one", 1, pool="thin")).id
    left = RemoveVolume(id_, pool_of(cloud.pools.show("thin").pool), keeps_key=True)
    barn.volumes[f"volume-{id_}"] = barn.volumes[f"volume-{id_}.pool"] | {
        "lv_name": f"volume-{id_}", "pool_lv": "",
    }  # fmt: skip
    with cloud.context.store.write() as session:
        session.get_one(Volume, id_).pool = "thick"
    assert planned(cloud, id_).steps[-1:] == (left,)
    cloud.settings.volumes.mkdir()
    (cloud.settings.volumes / id_).write_bytes(b"")
    with cloud.context.store.write() as session:
        session.get_one(Volume, id_).pool = "default"
    gone = [replace(left, keeps_key=False), replace(left, pool=_thick(cloud), keeps_key=False)]
    found = [each for each in planned(cloud, id_).steps if isinstance(each, RemoveVolume)]
    assert sorted(found, key=repr) == sorted(gone, key=repr)
    assert TakeKeyBack(id_) in planned(cloud, id_).steps


def test_what_is_away_is_not_lost(cloud: Cloud, barn: Barn) -> None:
    made = cloud.volumes.make(NewVolume("one", 1, pool="thin"))
    cloud.volumes.create("here", 1)
    pool = barn.volumes.pop("pool")
    (problem,) = planned(cloud, made.id).problems
    assert (problem.code, "no thin pool vg/pool" in problem.text) == ("pool.unreachable", True)
    barn.volumes["pool"], barn.is_away = pool, True
    (problem,) = planned(cloud, made.id).problems
    assert problem.code == "pool.unreachable"
    found = cloud.machine.volumes.look(_pools(cloud), Look())
    assert (len(found.volumes), sorted(found.away)) == (1, ["thick", "thin"])


def steps(cloud: Cloud, id_: str, holder: str = "") -> list[str]:
    """What a converge of the volume would do, while an instance has it or none."""
    return [step.text for step in planned(cloud, id_, holder).steps]


def planned(cloud: Cloud, id_: str, holder: str = "") -> UnitPlan:
    unit = Unit(Kind.VOLUME, id_)
    with cloud.context.store.read() as session:
        records = snapshot.read(session, cloud.settings.host, [unit])
    if holder:
        attachment = Attachment(volume_id=id_, instance_id=holder, device="vdb")
        records.holders = {id_: [attachment]}
    found = cloud.machine.volumes.look(_pools(cloud), Look([id_]))
    assert all(isinstance(fact, VolumeFact) for fact in found.volumes.values())
    facts = Facts(volumes=found.volumes, pools=found.away)
    return plan(unit, records, facts, cloud.settings)


def _thick(cloud: Cloud) -> Pool:
    return pool_of(cloud.pools.show("thick").pool)


def _pools(cloud: Cloud) -> list[Pool]:
    with cloud.context.store.read() as session:
        records = snapshot.read(session, cloud.settings.host)
    return [pool_of(row) for row in records.pools.values()]
