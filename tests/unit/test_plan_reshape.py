"""Instances that change what they are made of: exact steps, and any interruption ends the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from backends.drivers.libvirt.facts import State
from backends.plan.converge import plan
from backends.records.instance import Power
from backends.records.snapshot import Records
from backends.records.tables import Image, Instance
from backends.records.unit import Kind, Unit
from tests.machine_model import Model, converge
from tests.sample_records import PROJECT, SETTINGS, ident, records

ID = ident("instance", 0)
UNIT = Unit(Kind.INSTANCE, ID)
OTHER = ident("other image")
SIZES = ("flavor_id", "flavor_name", "vcpus", "ram", "disk", "disk_generation")


def launched(row: Instance) -> None:
    row.launches += 1
    row.boots += 1


def renewed(row: Instance) -> None:
    launched(row)
    row.disk_generation = row.launches + 1
    row.made = False


def rebuild(row: Instance) -> None:
    row.image_id = row.base_id = OTHER
    renewed(row)


def resize(row: Instance) -> None:
    row.previous = {name: getattr(row, name) for name in SIZES}
    row.vcpus, row.ram, row.disk = 2, 1024, 5
    renewed(row)


def resize_memory(row: Instance) -> None:
    row.previous = {name: getattr(row, name) for name in SIZES}
    row.ram = 1024
    launched(row)


def revert(row: Instance) -> None:
    for name, value in row.previous.items():
        setattr(row, name, value)
    row.previous = {}
    launched(row)


def confirm(row: Instance) -> None:
    row.previous = {}


def rescue(row: Instance) -> None:
    row.rescue_image_id = OTHER
    launched(row)


def unrescue(row: Instance) -> None:
    row.rescue_image_id = None
    launched(row)


def shelve(row: Instance) -> None:
    row.power = Power.STOPPED
    row.shelved, row.made = True, False
    row.image_id = row.base_id = OTHER


def unshelve(row: Instance) -> None:
    row.shelved, row.power = False, Power.RUNNING
    renewed(row)


Act = Callable[[Instance], None]
CASES: list[tuple[tuple[Act, ...], list[str], set[str]]] = [
    ((rebuild,), ["ShutDownDomain", "CreateOverlay", "DefineDomain", "RemoveDisk", "StartDomain",
                  "AddPort"], {"disk-2.qcow2"}),
    ((resize,), ["ShutDownDomain", "CopyDisk", "DefineDomain", "StartDomain", "AddPort"],
     {"disk.qcow2", "disk-2.qcow2"}),
    ((resize_memory,), ["ShutDownDomain", "DefineDomain", "StartDomain", "AddPort"],
     {"disk.qcow2"}),
    ((resize, confirm), ["DefineDomain", "RemoveDisk"], {"disk-2.qcow2"}),
    ((resize, revert), ["ShutDownDomain", "DefineDomain", "RemoveDisk", "StartDomain", "AddPort"],
     {"disk.qcow2"}),
    ((rescue,), ["ShutDownDomain", "CreateOverlay", "DefineDomain", "StartDomain", "AddPort"],
     {"disk.qcow2", "rescue.qcow2"}),
    ((rescue, unrescue), ["ShutDownDomain", "DefineDomain", "RemoveDisk", "StartDomain",
                          "AddPort"], {"disk.qcow2"}),
    ((shelve, unshelve), ["CreateOverlay", "CreateConfigDrive", "DefineDomain", "StartDomain",
                          "AddPort"], {"disk-2.qcow2"}),
]  # fmt: skip


def in_order() -> tuple[Model, Records]:
    model, found = Model(), records(1)
    found.images[OTHER] = Image(
        id=OTHER, project_id=PROJECT, name="other", disk_format="qcow2", source="/other",
        created_at=1.0, properties={},
    )  # fmt: skip
    settle(model, found)
    return model, found


def settle(model: Model, found: Records) -> None:
    for _ in range(5):
        if not converge(model, found, SETTINGS):
            return
    raise AssertionError("it does not come to an end")


def prepared(acts: tuple[Act, ...]) -> tuple[Model, Records]:
    """Where the last of them is recorded, and not yet done."""
    model, found = in_order()
    for act in acts[:-1]:
        act(found.instances[ID])
        settle(model, found)
    acts[-1](found.instances[ID])
    return model, found


def outcome(model: Model) -> object:
    domain = model.domains.get(ID)
    return model.files.get(ID), domain, model.labels.get(("instance", ID)), model.ports.keys()


@pytest.mark.parametrize(("acts", "names", "disks"), CASES)
def test_the_steps(acts: tuple[Act, ...], names: list[str], disks: set[str]) -> None:
    model, found = prepared(acts)
    planned = plan(found, model.facts(), SETTINGS, [UNIT])
    assert [type(step).__name__ for step in planned.steps] == names
    settle(model, found)
    assert model.files[ID].disks == disks
    assert model.domains[ID].state is State.RUNNING
    assert found.instances[ID].made


@pytest.mark.parametrize("acts", [acts for acts, _, _ in CASES] + [(shelve,)])
def test_an_interruption_anywhere_ends_the_same(acts: tuple[Act, ...]) -> None:
    model, found = prepared(acts)
    steps = list(plan(found, model.facts(), SETTINGS, [UNIT]).steps)
    whole, whole_records = copy.deepcopy((model, found))
    settle(whole, whole_records)
    for done in range(len(steps) + 1):
        cut, cut_records = copy.deepcopy((model, found))
        for step in steps[:done]:
            cut.apply(step)
        settle(cut, cut_records)
        assert outcome(cut) == outcome(whole), f"cut off after {done} of {len(steps)} steps"


def test_a_shelved_one_leaves_a_label_and_nothing_else() -> None:
    model, found = prepared((shelve,))
    settle(model, found)
    assert ID not in model.domains
    assert ID not in model.files
    assert ("instance", ID) in model.labels
    found.instances[ID].absent = True
    settle(model, found)
    assert ("instance", ID) not in model.labels


def test_a_resize_without_the_older_disk_says_so() -> None:
    model, found = prepared((resize,))
    model.files.pop(ID)
    (problem,) = plan(found, model.facts(), SETTINGS, [UNIT]).problems
    assert problem.code == "instance.disk.lost"
