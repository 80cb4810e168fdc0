"""The whole plan: exact steps for small clouds, none for a cloud in order, and the way back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.drivers.libvirt.facts import Reason, State
from backends.plan import converge as planner
from backends.plan.converge import order, plan
from backends.plan.orphans import orphans
from backends.records.instance import Power
from backends.records.snapshot import Records
from backends.records.tables import Attachment
from backends.records.unit import Kind, Unit
from tests.machine_model import Model, converge
from tests.sample_records import PROJECT, SETTINGS, ident, records

INSTANCE, NETWORK = ident("instance", 0), ident("network", 0)


def in_order(instances: int = 2, volumes: int = 1) -> tuple[Model, Records]:
    """A cloud that was made from nothing."""
    model, found = Model(), records(instances, volumes=volumes)
    for _ in range(4):
        if not converge(model, found, SETTINGS):
            return model, found
    raise AssertionError("it does not come to an end")


def texts(found: Records, model: Model) -> list[str]:
    return [step.text for step in plan(found, model.facts(), SETTINGS).steps]


def test_from_nothing_everything_is_made_from_the_ground_up() -> None:
    found = records(1, volumes=1)
    planned = list(plan(found, Model().facts(), SETTINGS).units)
    kinds = [unit.unit.kind for unit in planned]
    assert kinds == [
        Kind.HOST, Kind.PROJECT, Kind.IMAGE, Kind.NETWORK, Kind.VOLUME, Kind.INSTANCE,
        Kind.FIREWALL,
    ]  # fmt: skip
    names = [type(step).__name__ for unit in planned for step in unit.steps]
    assert names == [
        "AddBridge", "WriteLabel", "WriteLabel", "ImportImage",
        "WriteLabel", "WriteLabel", "WriteLabel", "TellGuests", "AddNamespace", "AddPort",
        "SetInterface", "ServeMetadata", "ServeDhcp", "CreateVolume", "CreateOverlay",
        "CreateConfigDrive", "DefineDomain", "StartDomain", "AddPort", "WriteFlowSets",
    ]  # fmt: skip


def test_a_cloud_in_order_has_an_empty_plan_and_no_orphans() -> None:
    model, found = in_order(3, 2)
    assert not plan(found, model.facts(), SETTINGS)
    assert texts(found, model) == []
    assert list(orphans(found, model.facts(), SETTINGS)) == []


def test_after_a_reboot_of_the_host_what_ran_runs_again() -> None:
    model, found = in_order()
    found.instances[ident("instance", 1)].power = Power.STOPPED
    converge(model, found, SETTINGS)
    model.dhcp = {}
    model.namespaces = {}
    for id_ in model.domains:
        model.set_state(id_, State.SHUTOFF, Reason.UNKNOWN)
    steps = texts(found, model)
    assert f"start domain {INSTANCE}" in steps
    assert f"start domain {ident('instance', 1)}" not in steps
    assert f"serve DHCP on network {NETWORK}" in steps
    while converge(model, found, SETTINGS):
        pass
    assert model.domains[INSTANCE].state is State.RUNNING


def guest(model: Model, state: State, reason: Reason = Reason.UNKNOWN, **values: object) -> None:
    """Something happens to the first guest, if its domain is still there."""
    if INSTANCE in model.domains:
        model.set_state(INSTANCE, state, reason, **values)


Damage = Callable[[Model], object]
_LOSSES: dict[str, Damage] = {
    "the bridge": lambda model: model.bridges.clear(),
    "the flows": lambda model: model.bridges.update(
        {
            name: type(b)(b.name, b.datapath, b.fail_mode, 0, b.labels)
            for name, b in model.bridges.items()
        }
    ),
    "a tap": lambda model: model.ports.pop(sorted(model.ports)[0], None) if model.ports else None,
    "all ports": lambda model: model.ports.clear(),
    "the namespace": lambda model: model.namespaces.clear(),
    "dnsmasq": lambda model: model.dhcp.clear(),
    "labels": lambda model: model.labels.clear(),
    "config drives": lambda model: model.files.update(
        {id_: type(each)(id_, each.disks, "") for id_, each in model.files.items()}
    ),
    "a domain": lambda model: model.domains.pop(INSTANCE, None),
    "all domains": lambda model: model.domains.clear(),
    "a guest by SIGKILL": lambda model: guest(model, State.SHUTOFF, Reason.KILLED),
    "a guest that halted": lambda model: guest(model, State.SHUTOFF, Reason.GUEST),
    "a disk unplugged": lambda model: guest(model, State.RUNNING, disks=frozenset()),
    "an edited domain": lambda model: guest(model, State.RUNNING, digest="other"),
}


@given(st.lists(st.sampled_from(sorted(_LOSSES)), min_size=1, unique=True))
@settings(max_examples=40, deadline=None)
def test_whatever_is_lost_is_made_again_and_then_there_is_nothing_to_do(losses: list[str]) -> None:
    model, found = in_order()
    for each in losses:
        _LOSSES[each](model)
    for _ in range(4):
        if not converge(model, found, SETTINGS):
            break
    assert texts(found, model) == []
    assert list(orphans(found, model.facts(), SETTINGS)) == []


@pytest.mark.parametrize(
    ("lose", "code"),
    [
        (lambda model: model.files.clear(), "instance.disk.lost"),
        (lambda model: model.volumes.clear(), "volume.lost"),
        (lambda model: model.images.clear(), "image.lost"),
    ],
)
def test_data_that_is_lost_is_told_and_never_replaced_by_nothing(lose: Damage, code: str) -> None:
    model, found = in_order()
    lose(model)
    planned = plan(found, model.facts(), SETTINGS)
    assert {problem.code for problem in planned.problems} == {code}
    assert not any(type(step).__name__.startswith(("Create", "Import")) for step in planned.steps)


def test_everything_deleted_leaves_an_empty_machine_but_for_the_host_and_the_project() -> None:
    model, found = in_order(3, 2)
    for table in (found.instances, found.volumes, found.images, found.networks):
        for row in table.values():
            row.absent = True  # type: ignore[attr-defined]
    for ports in found.ports_of.values():
        for port in ports:
            port.absent = True
    planned = plan(found, model.facts(), SETTINGS)
    ordered = [unit.unit.kind for unit in planned.units]
    assert ordered == [
        *[Kind.INSTANCE] * 3, Kind.HOST, Kind.PROJECT, *[Kind.VOLUME] * 2,
        Kind.NETWORK, Kind.IMAGE, Kind.FIREWALL,
    ]  # fmt: skip
    for _ in range(4):
        if not converge(model, found, SETTINGS):
            break
    facts = model.facts()
    assert [facts.domains, facts.files, facts.volumes, facts.images] == [{}] * 4
    assert [facts.dhcp, facts.namespaces, facts.ovs.ports] == [{}] * 3
    assert {kind for kind, _ in facts.labels} == {"cloud", "project"}
    assert list(facts.ovs.bridges) == [SETTINGS.bridge]


def test_instances_that_go_come_before_what_they_stand_on() -> None:
    found = records(2, volumes=1)
    found.instances[INSTANCE].absent = True
    found.projects[PROJECT].absent = True
    kinds = [(unit.kind, unit.id == INSTANCE) for unit in order(found, found.units())]
    assert kinds == [
        (Kind.INSTANCE, True),
        (Kind.HOST, False),
        (Kind.IMAGE, False),
        (Kind.NETWORK, False),
        (Kind.VOLUME, False),
        (Kind.INSTANCE, False),
        (Kind.PROJECT, False),
        (Kind.FIREWALL, False),
    ]


def test_a_unit_without_a_record_has_no_plan() -> None:
    found = records(1)
    for kind in (Kind.PROJECT, Kind.IMAGE, Kind.NETWORK, Kind.VOLUME, Kind.INSTANCE):
        unit = Unit(kind, "gone")
        assert planner.plan_unit(unit, found, Model().facts(), SETTINGS) is None


def test_a_volume_is_attached_to_a_running_guest_and_let_go_again() -> None:
    model, found = in_order(1, 0)
    volume = records(1, volumes=1).volumes[ident("volume", 0)]
    found.volumes[volume.id] = volume
    attachment = Attachment(volume_id=volume.id, instance_id=INSTANCE, device="vdb", created_at=1.0)
    found.attachments[INSTANCE] = [attachment]
    attached = texts(found, model)
    assert attached[1] == f"attach {volume.id} to domain {INSTANCE} as vdb"
    assert attached[2].startswith("define domain")
    while converge(model, found, SETTINGS):
        pass
    attachment.absent = True
    detached = texts(found, model)
    assert detached[0] == f"detach {volume.id} from domain {INSTANCE}"
    assert detached[1].startswith("define domain")
    while converge(model, found, SETTINGS):
        pass
    assert found.attachments[INSTANCE] == []
    assert model.domains[INSTANCE].disks == {"config-drive"}


def test_a_stopped_guest_is_only_redefined() -> None:
    model, found = in_order(1, 0)
    found.instances[INSTANCE].power = Power.STOPPED
    while converge(model, found, SETTINGS):
        pass
    found.instances[INSTANCE].name = "renamed"
    (step,) = texts(found, model)
    assert step == f"define domain instance-{INSTANCE} (renamed)"


def test_without_dhcp_there_is_no_server() -> None:
    model, found = in_order(1, 0)
    found.subnets[NETWORK][0].enable_dhcp = False
    assert texts(found, model)[1:] == [
        f"stop serving metadata in qdhcp-{NETWORK}",
        f"stop DHCP on network {NETWORK}",
        f"remove port {found.ports_on[NETWORK][0].interface}"
        if found.ports_on[NETWORK][0].device_owner == "network:dhcp"
        else f"remove port {found.ports_on[NETWORK][1].interface}",
        f"remove namespace qdhcp-{NETWORK}",
    ]
