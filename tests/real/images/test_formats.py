"""Each disk format: imported, booted, given out again, and the same bit by bit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backends.drivers.qemu_img.formats import FOREIGN, QEMU_NAMES
from backends.lab.image import RAM, LabImage
from backends.services.instance import NewInstance
from tests.real.lab import FLAVOR, Lab, run

DISKS = ("raw", "qcow2", "vdi", "vhd", "vhdx", "vmdk")
_OFTEN = ("vmdk",)
_OPTIONS = {"vhd": ("-o", "force_size=on")}


@pytest.fixture(scope="module")
def disks(lab_image: LabImage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The lab disk in each format."""
    folder = tmp_path_factory.mktemp("disks")
    found = {}
    for name in DISKS:
        found[name] = folder / name
        run(
            "qemu-img", "convert", "-O", QEMU_NAMES[name], *_OPTIONS.get(name, ()),
            str(lab_image.disk), str(found[name]),
        )  # fmt: skip
    return found


def same(one: Path, form: str, other: Path, other_form: str) -> None:
    """Both hold the same disk, by QEMU's own word."""
    compare = ("qemu-img", "compare", "-f", QEMU_NAMES[form], "-F", QEMU_NAMES[other_form])
    done = subprocess.run([*compare, one, other], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "form",
    [each if each in _OFTEN else pytest.param(each, marks=pytest.mark.long) for each in DISKS],
)
def test_a_disk_of_each_format_comes_boots_and_goes(
    shared_lab: Lab, disks: dict[str, Path], tmp_path: Path, form: str
) -> None:
    cloud = shared_lab.cloud
    image = cloud.images.create(form, str(disks[form]), disk_format=form, min_ram=RAM)
    assert image.disk_format == form
    cloud.images.verify(image.id)
    saved = tmp_path / "saved"
    cloud.images.save(image.id, str(saved))
    assert saved.read_bytes() == disks[form].read_bytes()
    same(saved, form, disks["qcow2"], "qcow2")
    instance = cloud.instances.create(NewInstance(form, FLAVOR, image.id, ()))
    shared_lab.look_at(instance).wait_for(rf"root@{form}:")
    stands_on = cloud.instances.show(instance.id).base_id
    assert stands_on == (None if form in FOREIGN else image.id)
    shared_lab.assert_in_order()
    cloud.instances.delete(instance.id)
    cloud.images.delete(image.id)
