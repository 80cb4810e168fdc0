"""What lost its record is shown, taken away or given a record again; what is lost is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from sqlmodel import col, select

from backends.doom import doom
from backends.drivers.volumes.pool import default_pool
from backends.drivers.volumes.steps import RemoveVolume
from backends.errors import NotFound, Refused
from backends.plan.plan import UnitPlan
from backends.records.operation import Outcome
from backends.records.tables import Attachment, Instance, Network, Project, User, Volume
from backends.records.unit import Kind, Unit
from backends.services.network import NewSubnet
from backends.settle import settle
from tests.real.lab import IMAGE, Lab, run

BOOT = "cat /proc/sys/kernel/random/boot_id"


def lose(lab: Lab, *units: Unit) -> None:
    """The records go, and nothing else: as a row deleted by hand, or a store from a backup."""
    with lab.cloud.context.store.write() as session:
        for unit in units:
            doom(session, unit)
        session.flush()
        for unit in units:
            planned = UnitPlan(unit, removes=True)
            settle(session, planned, lab.cloud.machine)
            session.flush()


def refs(lab: Lab) -> list[str]:
    return [orphan.ref for orphan in lab.cloud.drift.orphans()]


def rows(lab: Lab, table: Any) -> list[Any]:
    with lab.cloud.context.store.read() as session:
        return list(session.exec(select(table).order_by(col(table.id))))


def kinds(found: Iterable[str]) -> set[str]:
    return {ref.partition(":")[0] for ref in found}


def test_a_running_guest_without_a_record_gets_it_back_and_notices_nothing(lab: Lab) -> None:
    crew = lab.member("crew")
    network = Lab.network(crew, "net")
    box = Lab.launch(crew, "box", "net")
    volume = crew.volumes.create("cargo", 1)
    crew.volumes.attach("cargo", "box")
    guest = lab.guest(box)
    boot, disk = guest.run(BOOT), guest.disk(volume.id)
    before = lab.shape()

    instance, disk_unit = Unit(Kind.INSTANCE, box.id), Unit(Kind.VOLUME, volume.id)
    lose(lab, instance, disk_unit, Unit(Kind.NETWORK, network.id))
    assert rows(lab, Instance) == rows(lab, Network) == []
    assert {f"instance:{box.id}", f"volume:{volume.id}", f"dhcp:{network.id}"} <= {*refs(lab)}

    plan = lab.cloud.preview(lambda: lab.cloud.drift.adopt([f"instance:{box.id}"]))
    assert rows(lab, Instance) == []
    assert Unit(Kind.INSTANCE, box.id) in [each.unit for each in plan.units]

    report = lab.cloud.drift.adopt([f"instance:{box.id}"])
    assert report.lost == []
    assert {"instances": 1, "volumes": 1, "networks": 1}.items() <= report.made.items()
    lab.assert_in_order()
    assert lab.shape() == before
    assert guest.run(BOOT) == boot
    assert guest.attempt(f"test -b {disk}")[0] == 0
    assert [each.name for each in crew.instances.list()] == ["box"]


def test_a_whole_project_is_adopted_as_it_was(lab: Lab) -> None:
    crew = lab.member("crew")
    Lab.network(crew, "net")
    crew.volumes.create("cargo", 1)
    project = crew.caller.project_id
    network, volume = crew.networks.show("net").id, crew.volumes.show("cargo").volume.id
    before = lab.shape()
    lose(lab, Unit(Kind.VOLUME, volume), Unit(Kind.NETWORK, network))
    with lab.cloud.context.store.write() as session:
        user = lab.cloud.identity.user("crew-user").id
        session.get_one(User, user).default_project_id = None
    lose(lab, Unit(Kind.PROJECT, project))
    assert kinds(refs(lab)) == {"volume", "dhcp", "metadata", "port", "namespace", "label"}

    lab.cloud.drift.adopt()
    lab.assert_in_order()
    assert [row.name for row in rows(lab, Project)] == [
        row.name for row in sorted(lab.cloud.identity.projects(), key=lambda row: row.id)
    ]
    # Who had a role in it is on no label.
    kept = [line for line in before.splitlines() if not line.startswith(("row user", "row role"))]
    now = [
        line for line in lab.shape().splitlines() if not line.startswith(("row user", "row role"))
    ]
    assert now == kept


def test_orphans_are_taken_away_and_nothing_else(lab: Lab) -> None:
    Lab.network(lab.cloud, "net")
    box, other = (Lab.launch(lab.cloud, name, "net") for name in ("box", "other"))
    bystander = lab.guest(other)
    boot = bystander.run(BOOT)
    volume = lab.cloud.volumes.create("cargo", 1)
    lose(lab, Unit(Kind.INSTANCE, box.id), Unit(Kind.VOLUME, volume.id))
    found = refs(lab)
    assert {"instance", "files", "volume"} <= kinds(found)

    drift = lab.cloud.drift
    plan = lab.cloud.preview(lambda: drift.remove_orphans([f"volume:{volume.id}"]))
    assert [step.text for step in plan.steps] == [f"remove volume {volume.id} from file"]
    assert refs(lab) == found

    for wrong in (f"instance:{other.id}", "volume:none", other.id):
        with pytest.raises(NotFound) as refusal:
            drift.remove_orphans([f"volume:{volume.id}", wrong])
        assert refusal.value.code == "orphan.not_found"
    assert refs(lab) == found

    # One id: the domain and its folder.
    assert kinds(each.ref for each in drift.remove_orphans([box.id])) == {"instance", "files"}
    drift.remove_orphans()
    newest = lab.cloud.operations.list(limit=1)[0]
    assert (newest.verb, newest.outcome) == ("orphan.remove", Outcome.DONE)
    # Its ports still had records, which waited for it to go.
    drift.repair()
    lab.assert_in_order()
    assert drift.remove_orphans() == ()
    assert bystander.run(BOOT) == boot
    assert not any(box.id in line or volume.id in line for line in lab.things())


def test_what_was_adopted_meanwhile_is_not_taken_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = lab.cloud.volumes.create("cargo", 1)
    lose(lab, Unit(Kind.VOLUME, volume.id))
    context, apart = lab.cloud.context, lab.cloud.context.apart

    def adopt_first(*args: Any) -> None:
        with context.store.write() as session:
            session.add(Volume.model_validate({**volume.model_dump(), "made": True}))
        apart(*args)

    monkeypatch.setattr(context, "apart", adopt_first)
    assert list(lab.cloud.drift.remove_orphans([f"volume:{volume.id}"])) == []
    assert volume.id in lab.cloud.machine.volumes.facts(None)
    lab.assert_in_order()


def test_a_label_that_says_too_little_is_not_adopted(lab: Lab) -> None:
    folder = lab.cloud.settings.instance("5a7e11ed-0000-4000-8000-000000000000")
    folder.mkdir(parents=True)
    (folder / "disk.qcow2").write_bytes(b"")
    try:
        (ref,) = refs(lab)
        with pytest.raises(Refused) as refusal:
            lab.cloud.drift.adopt([ref])
        assert refusal.value.code == "orphan.unreadable"
        assert lab.cloud.drift.adopt().things == []
        lab.cloud.drift.remove_orphans([ref])
        lab.assert_in_order()
    finally:
        run("rm", "-rf", folder)


def test_what_is_lost_for_good_is_forgotten(lab: Lab) -> None:
    cloud = lab.cloud
    Lab.network(cloud, "net")
    box = Lab.launch(cloud, "box", "net")
    guest = lab.guest(box)
    volume = cloud.volumes.create("cargo", 1)
    kept = cloud.volumes.create("kept", 1)
    cloud.volumes.attach("cargo", "box")
    guest.disk(volume.id)
    unit = Unit(Kind.VOLUME, volume.id)
    for wrong, code in ((Unit(Kind.VOLUME, kept.id), "forget.not_lost"),
                        (Unit(Kind.VOLUME, "none"), "unit.not_found")):  # fmt: skip
        with pytest.raises((Refused, NotFound)) as refusal:
            cloud.drift.forget([wrong])
        assert refusal.value.code == code
    cloud.instances.stop("box")
    cloud.machine.apply(
        RemoveVolume(volume.id, default_pool(lab.cloud.settings)), lambda share: None
    )
    assert [each.code for each in cloud.drift.show().plan.problems] == ["volume.lost"]
    cloud.drift.forget([unit])
    lab.assert_in_order()
    assert [row.id for row in rows(lab, Volume)] == [kept.id]
    with cloud.context.store.read() as session:
        assert session.exec(select(Attachment)).all() == []
    cloud.instances.start("box")
    guest.ready()

    run("rm", cloud.settings.instance(box.id) / "disk.qcow2")
    assert [each.code for each in cloud.drift.show().plan.problems] == ["instance.disk.lost"]
    cloud.drift.forget([Unit(Kind.INSTANCE, box.id)])
    lab.assert_in_order()
    assert rows(lab, Instance) == []


def test_only_the_clouds_admin_may(lab: Lab) -> None:
    drift = lab.member("crew").drift
    for verb in (drift.remove_orphans, drift.adopt, lambda: drift.forget([])):
        with pytest.raises(Refused) as refusal:
            verb()
        assert refusal.value.code == "right.missing"


def test_a_project_sees_no_drift_of_another(lab: Lab) -> None:
    crew, other = lab.member("crew"), lab.member("other")
    mine, secret = crew.volumes.create("mine", 1), other.volumes.create("secret", 1)
    gone = other.volumes.create("gone", 1)
    for volume in (mine, secret):
        lab.cloud.machine.apply(
            RemoveVolume(volume.id, default_pool(lab.cloud.settings)), lambda share: None
        )
    lose(lab, Unit(Kind.VOLUME, gone.id))
    seen = crew.drift.show()
    assert [problem.text for problem in seen.plan.problems] == [
        "volume mine is gone from the machine"
    ]
    assert seen.orphans == ()
    with pytest.raises(Refused) as refusal:
        crew.drift.orphans()
    assert refusal.value.code == "right.missing"
    assert len(list(lab.cloud.drift.show().plan.problems)) == 2
    assert [orphan.name for orphan in lab.cloud.drift.show().orphans] == ["gone"]


def test_a_router_its_floating_ip_and_an_image_are_adopted(lab: Lab) -> None:
    cloud = lab.cloud
    outer = cloud.networks.create("public", external=True).id
    cloud.networks.create_subnet(NewSubnet("public", "198.51.100.0/28", dhcp=False))
    inner = Lab.network(cloud, "net").id
    box = Lab.launch(cloud, "box", "net")
    router = cloud.routers.create("gate", external="public").id
    cloud.routers.add_subnet("gate", "net")
    lent = cloud.floating_ips.create("public")
    cloud.floating_ips.lend_to_instance(lent.id, "box")
    lab.assert_in_order()
    before = lab.shape()

    image = cloud.images.show(IMAGE).id
    kinds_lost = ((Kind.INSTANCE, box.id), (Kind.ROUTER, router), (Kind.NETWORK, inner),
                  (Kind.NETWORK, outer), (Kind.IMAGE, image))  # fmt: skip
    lose(lab, *(Unit(kind, id_) for kind, id_ in kinds_lost))
    assert {f"label:router:{router}", f"image:{image}", f"label:floatingip:{lent.id}"} <= {
        *refs(lab)
    }
    # The floating IP alone brings back all that it stands on.
    report = cloud.drift.adopt([f"label:floatingip:{lent.id}"])
    assert report.lost == []
    lab.assert_in_order()
    assert lab.shape() == before
