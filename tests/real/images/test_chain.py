"""What disks stand on: shown, moved under a writing guest, lost, and fetched again."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.errors import QuarterdeckError, Refused
from backends.records.instance import Instance
from backends.services.instance import NewInstance
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, Lab, run

PROMPT = r"root@\S+:"


def code_of(verb: object) -> str:
    with pytest.raises(QuarterdeckError) as error:
        verb()  # type: ignore[operator]
    return error.value.code


def launch(lab: Lab, name: str, image: str = IMAGE) -> tuple[Instance, Guest]:
    instance = lab.cloud.instances.create(NewInstance(name, FLAVOR, image, ()))
    guest = lab.look_at(instance)
    guest.wait_for(PROMPT)
    return instance, guest


def owner(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_mode & 0o777


@pytest.fixture(scope="module")
def guest(shared_lab: Lab) -> tuple[Instance, Guest]:
    return launch(shared_lab, "writer")


def test_a_base_stays_roots_while_guests_run_on_it(
    shared_lab: Lab, guest: tuple[Instance, Guest]
) -> None:
    image = shared_lab.cloud.images.show(IMAGE)
    assert owner(shared_lab.cloud.settings.image(image.id)) == (0, 0o440)
    (root,) = shared_lab.cloud.chains.tree()
    assert (root.kind, root.name, root.count()) == ("image", IMAGE, 1)
    assert [(each.kind, each.name) for each in root.above] == [("disk", "writer")]
    with pytest.raises(Refused, match="writer") as error:
        shared_lab.cloud.images.delete(IMAGE)
    assert error.value.code == "image.in_use"


def test_a_lost_base_is_named_and_fetched_again_under_the_running_guest(
    shared_lab: Lab, guest: tuple[Instance, Guest]
) -> None:
    cloud = shared_lab.cloud
    image = cloud.images.show(IMAGE)
    path = cloud.settings.image(image.id)
    sha256 = run("sha256sum", path).split()[0]
    path.unlink()
    found = cloud.drift.show()
    assert [(each.code, "writer" in each.text) for each in found.plan.problems] == [
        ("image.lost", True)
    ]
    assert code_of(lambda: cloud.images.verify(IMAGE)) == "image.lost"
    # From where it came at first, by its checksum.
    cloud.images.repair(IMAGE)
    assert run("sha256sum", path).split()[0] == sha256
    shared_lab.assert_in_order()
    damage(path)
    assert code_of(lambda: cloud.images.verify(IMAGE)) == "image.damaged"
    assert code_of(lambda: launch(shared_lab, "late")) == "image.damaged"
    twin = path.with_name("copy")
    twin.write_bytes(b"something else")
    assert code_of(lambda: cloud.images.repair(IMAGE, str(twin))) == "image.format.mismatch"
    twin.unlink()
    cloud.images.repair(IMAGE)
    cloud.images.verify(IMAGE)
    shared_lab.assert_in_order()
    assert owner(path) == (0, 0o440)


def damage(path: Path) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"damage")
    path.chmod(0o440)


def test_a_writing_guests_disk_is_flattened_and_put_back(
    shared_lab: Lab, guest: tuple[Instance, Guest]
) -> None:
    cloud, (instance, console) = shared_lab.cloud, guest
    write = "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=1 conv=fsync 2>/dev/null"
    # Of what it wrote, and of what comes from its base.
    sums = "for at in 2 40; do dd if=/dev/vda bs=1M skip=$at count=1 2>/dev/null; done | md5sum"
    before = console.run(f"{write}; {sums}")
    cloud.chains.flatten("writer")
    assert cloud.instances.show(instance.id).base_id is None
    assert code_of(lambda: cloud.chains.flatten("writer")) == "disk.flat"
    assert code_of(lambda: cloud.chains.rebase("writer", IMAGE)) == "instance.running"
    after = console.run(f"echo 3 > /proc/sys/vm/drop_caches; {sums}")
    assert sum_in(after) == sum_in(before)
    shared_lab.assert_in_order()
    disk = next(shared_lab.state.glob(f"instances/{instance.id}/disk*.qcow2"))
    cloud.instances.stop("writer")
    flat = content(disk)
    cloud.chains.check("writer")
    cloud.chains.rebase("writer", IMAGE)
    assert content(disk) == flat
    assert cloud.instances.show(instance.id).base_id == cloud.images.show(IMAGE).id
    cloud.chains.flatten("writer")
    assert content(disk) == flat
    shared_lab.assert_in_order()
    cloud.instances.start("writer")
    shared_lab.assert_in_order()


def sum_in(text: str) -> str:
    return next(word for word in text.split() if len(word) == 32)


def content(disk: Path) -> str:
    """The disk's content by its checksum."""
    out = disk.with_name("out")
    with contextlib.ExitStack() as held:
        held.callback(lambda: out.unlink(missing_ok=True))
        convert = ("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", disk, out)
        subprocess.run(convert, check=True)
        return run("sha256sum", out).split()[0]


@pytest.mark.long
def test_a_disk_is_written_into_the_image_that_it_alone_stands_on(
    shared_lab: Lab, lab_image: object
) -> None:
    cloud = shared_lab.cloud
    disk_of_lab = str(lab_image.disk)  # type: ignore[attr-defined]
    image = cloud.images.create("sunk", disk_of_lab, convert_to="qcow2")
    instance, console = launch(shared_lab, "diver", image.id)
    write = "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=1 conv=fsync 2>/dev/null"
    sums = "for at in 2 40; do dd if=/dev/vda bs=1M skip=$at count=1 2>/dev/null; done | md5sum"
    before = sum_in(console.run(f"{write}; {sums}"))
    assert code_of(lambda: cloud.chains.commit("diver")) == "instance.running"
    cloud.instances.stop("diver")
    disk = next(shared_lab.state.glob(f"instances/{instance.id}/disk*.qcow2"))
    held, full = content(disk), disk.stat().st_blocks
    late = cloud.instances.create(NewInstance("late-diver", FLAVOR, image.id, ()))
    with pytest.raises(Refused, match="late-diver") as error:
        cloud.chains.commit("diver")
    assert error.value.code == "image.in_use"
    cloud.instances.delete(late.id)
    cloud.images.set(image.id, protected=True)
    assert code_of(lambda: cloud.chains.commit("diver")) == "image.protected"
    cloud.images.set(image.id, protected=False)
    cloud.chains.commit("diver")
    after = cloud.images.show(image.id)
    path = cloud.settings.image(image.id)
    assert (after.imported, after.source) == (True, None)
    assert after.sha256 == run("sha256sum", path).split()[0]
    assert content(disk) == held == content(path)
    assert disk.stat().st_blocks < full
    cloud.images.verify(image.id)
    shared_lab.assert_in_order()
    cloud.instances.start("diver")
    console = shared_lab.look_at(instance)
    console.wait_for(rf"Power down(?s:.*){PROMPT}")
    assert sum_in(console.run(sums)) == before
    cloud.instances.delete("diver")
    cloud.images.delete(image.id)


def test_an_image_is_offered_and_taken(shared_lab: Lab, tmp_path: Path) -> None:
    admin = shared_lab.cloud
    source = tmp_path / "small"
    source.write_bytes(b"x" * 4096)
    image = admin.images.create("gift", str(source), disk_format="raw", visibility="shared")
    friend = shared_lab.member("friends")
    names = lambda cloud, **more: [each.name for each in cloud.images.list(**more)]  # noqa: E731
    assert code_of(lambda: friend.images.show(image.id)) == "image.not_found"
    admin.images.share(image.id, friend.caller.project_id)
    assert "gift" not in names(friend)
    assert "gift" in names(friend, membership="pending")
    assert friend.images.show(image.id).name == "gift"
    assert code_of(lambda: friend.images.show("gift")) == "image.not_found"
    friend.images.answer(image.id, "accepted")
    assert "gift" in names(friend)
    assert [each.status for each in admin.images.memberships("gift")] == ["accepted"]
    admin.images.set("gift", active=False)
    assert code_of(lambda: friend.images.save("gift", str(tmp_path / "out"))) == "image.deactivated"
    admin.images.set("gift", active=True)
    friend.images.save("gift", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == source.read_bytes()
    friend.images.answer("gift", "rejected")
    assert "gift" not in names(friend)
    admin.images.delete("gift")


def test_hardware_that_is_not_known_is_refused(shared_lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "small"
    source.write_bytes(b"x" * 4096)
    for properties in (
        {"hw_disk_bus": "floppy"},
        {"hw_turbo": "yes"},
        {"hw_disk_bus": "ide"},
        {"hw_firmware_type": "uefi", "hw_machine_type": "pc"},
    ):
        create = lambda p=properties: shared_lab.cloud.images.create(  # noqa: E731
            "odd", str(source), disk_format="raw", properties=p
        )
        assert code_of(create) == "image.property.invalid", properties


def devices(cloud: Cloud, instance: Instance) -> str:
    xml = run("virsh", "dumpxml", instance.id)
    assert cloud.settings.cloud in xml
    return xml


def test_a_guest_has_the_hardware_that_its_image_wants(shared_lab: Lab, lab_image: object) -> None:
    """SATA and an i440fx, which the lab's kernel does not boot from; QEMU takes it all the same."""
    cloud = shared_lab.cloud
    properties = {
        "hw_disk_bus": "ide",
        "hw_machine_type": "pc",
        "hw_vif_model": "e1000",
    }
    disk = str(lab_image.disk)  # type: ignore[attr-defined]
    image = cloud.images.create("legacy", disk, properties=properties)
    shared_lab.network(cloud, "legacy", "172.16.77.0/24")
    instance = shared_lab.cloud.instances.create(NewInstance("legacy", FLAVOR, image.id))
    xml = devices(cloud, instance)
    assert "bus='ide'" in xml
    assert "<model type='e1000'/>" in xml
    assert "i440fx" in xml
    shared_lab.assert_in_order()
    cloud.instances.delete("legacy")
    cloud.networks.delete("legacy")
    cloud.images.delete("legacy")


def test_an_iso_is_a_disc_beside_an_empty_disk(shared_lab: Lab, tmp_path: Path) -> None:
    cloud = shared_lab.cloud
    tree, disc = tmp_path / "tree", tmp_path / "disc.iso"
    tree.mkdir()
    (tree / "hello").write_text("from the disc")
    run("genisoimage", "-quiet", "-V", "HELLO", "-o", str(disc), str(tree))
    image = cloud.images.create("disc", str(disc), disk_format="iso")
    instance = cloud.instances.create(NewInstance("disc", FLAVOR, image.id, ()))
    xml = devices(cloud, instance)
    assert "device='cdrom'" in xml
    assert image.id in xml
    assert code_of(lambda: cloud.images.delete("disc")) == "image.in_use"
    shared_lab.assert_in_order()
    cloud.instances.delete("disc")
    cloud.images.delete("disc")
