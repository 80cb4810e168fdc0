"""Plans of images and of what disks stand on: a case for each state that they can be in."""

from __future__ import annotations

import pytest

from backends.drivers.facts import Facts
from backends.drivers.libvirt.steps import FlattenDisk
from backends.drivers.qemu_img.facts import ImageFile, InstanceFiles
from backends.drivers.qemu_img.steps import (
    CloseImage,
    CommitDisk,
    ConvertImage,
    EmptyDisk,
    ImportImage,
    RebaseDisk,
)
from backends.plan import chain, hardware, image, labels
from backends.plan.plan import UnitPlan
from backends.records.snapshot import Records
from backends.records.tables import Image, Instance
from backends.records.unit import Kind, Unit
from backends.settings import root_disk
from tests.sample_records import SETTINGS, ident, records

IMAGE, INSTANCE = ident("image"), ident("instance", 0)
OTHER = ident("image", "other")


def found(**values: object) -> tuple[Records, Image]:
    """A cloud with one image that is here, changed by these values."""
    all_ = records(1, made=True)
    row = all_.images[IMAGE]
    row.source = None
    for name, value in values.items():
        setattr(row, name, value)
    return all_, row


def planned(all_: Records, *, here: bool = True, closed: bool = True) -> UnitPlan:
    row = all_.images[IMAGE]
    facts = Facts(
        images={IMAGE: ImageFile(IMAGE, 1, closed)} if here else {},
        labels={("image", IMAGE): labels.image(row)},
    )
    return image.plan(Unit(Kind.IMAGE, IMAGE), all_, facts, SETTINGS)


def test_an_image_in_order_needs_nothing() -> None:
    assert not planned(found()[0])


def test_one_that_is_to_be_converted_is_and_its_record_learns_it() -> None:
    plan = planned(found(convert_to="raw")[0])
    assert plan.steps == (ConvertImage(IMAGE, "qcow2", "raw"),)
    assert plan.settles


def test_one_that_somebody_could_write_to_is_closed_but_a_kernel_is_libvirts() -> None:
    assert planned(found()[0], closed=False).steps == (CloseImage(IMAGE),)
    assert planned(found(disk_format="aki")[0], closed=False).steps == ()


def test_a_lost_one_is_told_with_who_stands_on_it() -> None:
    all_, _ = found()
    all_.instances[INSTANCE].base_id = IMAGE
    (problem,) = planned(all_, here=False).problems
    assert problem.code == "image.lost"
    assert "ship-0 stands on it" in problem.text


def test_a_damaged_one_is_told_and_fetched_again_in_its_place() -> None:
    (problem,) = planned(found(damaged=True)[0]).problems
    assert problem.code == "image.damaged"
    plan = planned(found(damaged=True, imported=False, source="/lab", source_uid=7, sha256="ab")[0])
    assert plan.steps == (ImportImage(IMAGE, "/lab", "qcow2", "ab", "", 7, replace=True),)
    assert plan.settles


def test_a_disk_is_written_into_one_that_is_here() -> None:
    source = chain.source_of(INSTANCE, 2)
    all_, row = found(imported=False, source=source)
    plan = planned(all_)
    told = (INSTANCE, root_disk(2), IMAGE, row.disk_format)
    assert plan.steps == (CommitDisk(*told), EmptyDisk(*told))
    assert plan.settles
    (problem,) = planned(all_, here=False).problems
    assert problem.code == "image.lost"


BASES = {root_disk(1): IMAGE}
PATH = f"{SETTINGS.instance_folder(INSTANCE)}/{root_disk(1)}"


@pytest.mark.parametrize(
    ("base", "leaving", "bases", "live", "steps"),
    [
        (IMAGE, None, BASES, True, []),
        # What was never asked for is not moved, whatever the disk says.
        (None, None, BASES, False, []),
        (None, IMAGE, BASES, False, [RebaseDisk(INSTANCE, root_disk(1), None)]),
        (None, IMAGE, BASES, True, [FlattenDisk(INSTANCE, PATH)]),
        (None, IMAGE, {}, True, []),
        (OTHER, IMAGE, BASES, False, [RebaseDisk(INSTANCE, root_disk(1), OTHER, "raw")]),
        (OTHER, IMAGE, BASES, True, []),
        (IMAGE, "", {}, False, [RebaseDisk(INSTANCE, root_disk(1), IMAGE, "qcow2")]),
    ],
)
def test_a_root_disk_moves_where_it_was_asked_to(
    base: str | None, leaving: str | None, bases: dict[str, str], live: bool, steps: list[object]
) -> None:
    all_, _ = found()
    all_.images[OTHER] = Image(id=OTHER, project_id="p", name="o", disk_format="raw")
    instance: Instance = all_.instances[INSTANCE]
    instance.base_id, instance.leaving_id = base, leaving
    files = InstanceFiles(INSTANCE, frozenset({root_disk(1)}), bases=bases)
    made = list(chain.moved(instance, files, all_, SETTINGS, live=live))
    assert made == steps
    stuck = [each.code for each in chain.problems(instance, files, live=live)]
    assert stuck == (["instance.running"] if base == OTHER and live else [])


def test_a_disk_stands_in_the_domain_on_what_its_record_says() -> None:
    all_, _ = found()
    instance = all_.instances[INSTANCE]
    disk = hardware.own_disk(instance, "/disk", IMAGE, all_, SETTINGS)
    assert disk.base == (str(SETTINGS.image(IMAGE)), "qcow2")
    assert (disk.target, disk.bus) == ("vda", "")
    assert hardware.own_disk(instance, "/disk", None, all_, SETTINGS).base == ()
    instance.hardware = {"hw_disk_bus": "sata"}
    disk = hardware.own_disk(instance, "/disk", IMAGE, all_, SETTINGS)
    assert (disk.target, disk.bus) == ("sda", "sata")
    assert hardware.config_disk(instance, "/config").target == "sdc"
    all_.images[IMAGE].disk_format = "vmdk"
    assert hardware.own_disk(instance, "/disk", IMAGE, all_, SETTINGS).base == ()
