"""Instances captured, rebuilt, rescued, resized and shelved, and what was on their disks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.cloud import Cloud
from backends.errors import QuarterdeckError, Refused
from backends.records.instance import Instance
from backends.services.instance import NewInstance, Plug
from backends.services.volume import NewVolume
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, Lab, run

# MiB from the start of the disk, far behind what the image has.
_PLACE = 900
_PATTERN = "the-guest-was-here"


@pytest.fixture
def there(shared_lab: Lab) -> Iterator[tuple[Lab, Cloud]]:
    lab = shared_lab
    if not any(row.name == "m1.more" for row in lab.cloud.flavors.list()):
        lab.cloud.flavors.create("m1.more", ram=160, vcpus=2, disk=2)
    cloud = lab.member(f"crew-{len(lab.cloud.identity.projects())}")
    lab.network(cloud, "net")
    yield lab, cloud
    for row in cloud.instances.list():
        cloud.instances.delete(row.id)
    for image in cloud.images.list():
        if image.project_id == cloud.caller.project_id:
            cloud.images.delete(image.id)
    cloud.networks.delete("net")
    lab.assert_in_order()


def test_a_resize_keeps_the_disk_and_can_be_reverted(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    instance = lab.launch(cloud, "vm", "net")
    guest = lab.guest(instance)
    _write(guest)
    address = cloud.instances.row("vm").addresses

    _again(guest, lambda: cloud.reshape.resize("vm", "m1.more"))
    assert cloud.instances.row("vm").status == "VERIFY_RESIZE"
    assert _sizes(guest) == (2, 2)
    assert _pattern(guest) == _PATTERN
    _write(guest, "written-after-the-resize")
    for verb in (cloud.reshape.rebuild, cloud.reshape.rescue, cloud.reshape.shelve):
        _refused("instance.state", lambda verb=verb: verb("vm"))

    _again(guest, lambda: cloud.reshape.revert("vm"))
    assert _sizes(guest) == (1, 1)
    assert _pattern(guest) == _PATTERN
    assert cloud.instances.row("vm").addresses == address
    assert _disks(lab, instance) == ["disk.qcow2"]

    _again(guest, lambda: cloud.reshape.resize("vm", "m1.more"))
    cloud.reshape.confirm("vm")
    assert cloud.instances.row("vm").status == "ACTIVE"
    assert _pattern(guest) == _PATTERN
    assert len(_disks(lab, instance)) == 1
    _refused("flavor.too_small", lambda: cloud.reshape.resize("vm", FLAVOR))
    _refused("instance.state", lambda: cloud.reshape.confirm("vm"))
    lab.assert_in_order()


def test_an_image_is_taken_of_a_running_guest_and_boots(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    guest = lab.guest(lab.launch(cloud, "vm", "net"))
    _write(guest)
    guest.type("i=0; while true; do i=$((i+1)); echo count $i; usleep 200000; done")
    guest.wait_for(r"\ncount \d+")
    image = cloud.reshape.capture("vm", "picture")
    assert image.imported
    assert image.disk_format == "qcow2"
    assert image.min_disk == 1
    guest.forget()
    guest.wait_for(r"\ncount \d+")
    lab.assert_in_order()

    made = cloud.instances.create(NewInstance("copy", FLAVOR, "picture", (Plug(network="net"),)))
    assert _pattern(lab.guest(made)) == _PATTERN
    _refused("image.in_use", lambda: cloud.images.delete("picture"))
    lab.assert_in_order()


@pytest.mark.long
def test_a_stopped_one_is_captured_too(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    instance = lab.launch(cloud, "vm", "net")
    guest = lab.guest(instance)
    _write(guest)
    cloud.instances.stop("vm")
    image = cloud.reshape.capture("vm")
    assert image.name == "vm"
    file = lab.state / "images" / image.id
    disk = lab.state / "instances" / instance.id / "disk.qcow2"
    run("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", str(file), str(disk))


@pytest.mark.long
def test_a_rebuild_gives_a_new_disk_and_keeps_the_rest(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    instance = lab.launch(cloud, "vm", "net")
    guest = lab.guest(instance)
    _write(guest)
    before = cloud.instances.row("vm")
    _again(guest, lambda: cloud.reshape.rebuild("vm", name="renamed"))
    after = cloud.instances.row("renamed")
    assert (after.id, after.addresses) == (before.id, before.addresses)
    assert _pattern(guest) == ""
    assert len(_disks(lab, instance)) == 1
    lab.assert_in_order()


@pytest.mark.long
def test_a_rescued_one_boots_from_an_image_and_has_its_disk_last(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    cloud.volumes.create("cargo", 1)
    instance = lab.launch(cloud, "vm", "net")
    guest = lab.guest(instance)
    _write(guest)
    cloud.volumes.attach("cargo", "vm")
    _again(guest, lambda: cloud.reshape.rescue("vm", image=IMAGE))
    assert cloud.instances.row("vm").status == "RESCUE"
    assert _pattern(guest) == ""
    assert _pattern(guest, guest.disk("root-disk")) == _PATTERN
    _refused("instance.state", lambda: cloud.reshape.rebuild("vm"))
    lab.assert_in_order()
    _again(guest, lambda: cloud.reshape.unrescue("vm"))
    assert _pattern(guest) == _PATTERN
    assert _disks(lab, instance) == ["disk.qcow2"]
    cloud.instances.delete("vm")
    cloud.volumes.delete("cargo")


def test_a_shelved_one_frees_the_machine_and_comes_back(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    instance = lab.launch(cloud, "vm", "net")
    guest = lab.guest(instance)
    _write(guest)
    address = cloud.instances.row("vm").addresses
    cloud.reshape.shelve("vm")
    row = cloud.instances.row("vm")
    assert (row.status, row.addresses) == ("SHELVED", address)
    left = [each for each in lab.things() if instance.id in each and "/consoles/" not in each]
    assert [each.split("/")[-2] for each in left] == ["instance"]
    _refused("instance.state", lambda: cloud.instances.start("vm"))
    lab.assert_in_order()

    _again(guest, lambda: cloud.reshape.unshelve("vm"))
    assert _pattern(guest) == _PATTERN
    assert cloud.instances.row("vm").addresses == address
    lab.assert_in_order()


def test_what_the_machine_refuses_leaves_the_guest_as_it_was(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    instance = lab.launch(cloud, "vm", "net")
    guest = lab.guest(instance)
    _write(guest)
    folder = lab.state / "instances" / instance.id
    # The copy cannot be made where its draft is a folder.
    draft = folder / ".disk-2.qcow2.partial"
    (draft / "in the way").mkdir(parents=True)
    guest.forget()
    with pytest.raises(QuarterdeckError):
        cloud.reshape.resize("vm", "m1.more")
    guest.ready()
    assert _sizes(guest) == (1, 1)
    assert _pattern(guest) == _PATTERN
    row = cloud.instances.row("vm")
    assert (row.status, row.flavor) == ("ACTIVE", FLAVOR)
    (draft / "in the way").rmdir()
    draft.rmdir()
    lab.assert_in_order()


def test_one_boots_from_a_volume_and_the_next_goes_on_with_it(there: tuple[Lab, Cloud]) -> None:
    lab, cloud = there
    cloud.volumes.create("blank", 1)
    _refused("volume.not_bootable", lambda: _boot(cloud, "vm", "blank"))
    cloud.volumes.delete("blank")
    volume = cloud.volumes.make(NewVolume("root", 1, image=IMAGE))
    instance = _boot(cloud, "vm", "root")
    guest = lab.guest(instance)
    _write(guest)
    assert _disks(lab, instance) == []
    _refused("volume.root", lambda: cloud.volumes.detach("root", "vm"))
    _refused("instance.volume_backed", lambda: cloud.reshape.rebuild("vm", image=IMAGE))
    _refused("volume.in_use", lambda: _boot(cloud, "second", "root"))
    lab.assert_in_order()
    cloud.instances.delete("vm")
    assert _pattern(lab.guest(_boot(cloud, "second", "root"))) == _PATTERN
    cloud.instances.delete("second")
    cloud.volumes.delete(volume.id)


def _boot(cloud: Cloud, name: str, volume: str) -> Instance:
    new = NewInstance(name, FLAVOR, plugs=(Plug(network="net"),), volume=volume)
    return cloud.instances.create(new)


def _again(guest: Guest, verb: object) -> None:
    """Do what makes the guest boot anew, and wait until it has."""
    guest.forget()
    assert callable(verb)
    verb()
    guest.ready()


def _write(guest: Guest, text: str = _PATTERN) -> None:
    guest.run(f"printf %s {text} | dd of=/dev/vda bs=1M seek={_PLACE} 2>/dev/null && sync")


def _pattern(guest: Guest, device: str = "/dev/vda") -> str:
    read = f"dd if={device} bs=1M skip={_PLACE} count=1 2>/dev/null | tr -d '\\000' | head -c 40"
    return guest.run(f"{read}; echo").strip()


def _sizes(guest: Guest) -> tuple[int, int]:
    """Processors, and GiB of the root disk."""
    cpus = int(guest.run("grep -c ^processor /proc/cpuinfo"))
    return cpus, int(guest.run("cat /sys/block/vda/size")) >> 21


def _disks(lab: Lab, instance: Instance) -> list[str]:
    folder = lab.state / "instances" / instance.id
    return sorted(path.name for path in folder.glob("*.qcow2"))


def _refused(code: str, verb: object) -> None:
    assert callable(verb)
    with pytest.raises(Refused) as refused:
        verb()
    assert refused.value.code == code
