"""A running guest's file systems are held still for its copy, by QEMU's agent in it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from backends.lab.image import KERNEL_ARGUMENTS, RAM, LabImage, build
from backends.services.instance import NewInstance
from tests.real.conftest import LAB_CACHE
from tests.real.guest import BOOT, Guest
from tests.real.lab import FLAVOR, Lab, eventually, run

# What a copy takes at most, in seconds, beside an agent that says nothing: that costs it ten.
_MOST = 60.0
_HELD, _GOES_ON = "lab: file systems are held still", "lab: file systems go on"
_WRITER = "i=0; while true; do i=$((i+1)); echo $i >>/mnt/log; usleep 2000; done"


@pytest.fixture(scope="module")
def agent_image(daemons: None) -> LabImage:
    return build(LAB_CACHE, agent=True)


@pytest.fixture(scope="module")
def guest(
    shared_lab: Lab, agent_image: LabImage, tmp_path_factory: pytest.TempPathFactory
) -> Guest:
    """It writes to a file system with a journal, on its root disk; its agent is there."""
    cloud, disk = shared_lab.cloud, tmp_path_factory.mktemp("disk") / "ami"
    run("mke2fs", "-q", "-t", "ext4", disk, "32M")
    sources = {"aki": agent_image.kernel, "ari": agent_image.ramdisk}
    for name, source in sources.items():
        cloud.images.create(name, str(source), disk_format=name, container_format=name)
    image = cloud.images.create(
        "ami", str(disk), disk_format="ami", container_format="ami", min_ram=RAM,
        kernel="aki", ramdisk="ari", properties={"os_command_line": KERNEL_ARGUMENTS},
    )  # fmt: skip
    instance = cloud.instances.create(NewInstance("writer", FLAVOR, image.id, ()))
    found = shared_lab.look_at(instance)
    found.wait_for(r"root@\S+:", deadline=BOOT)
    connected = "name='org.qemu.guest_agent.0' state='connected'"
    eventually(lambda: connected in run("virsh", "dumpxml", instance.id), "the agent")
    found.run("mount -t ext4 /dev/vda /mnt")
    found.type(f"({_WRITER}) &")
    found.run("until [ -s /mnt/log ]; do usleep 20000; done; sync")
    return found


def copied(lab: Lab, folder: Path) -> Path:
    """The disk of an image that is made of the writer meanwhile, as a raw file."""
    image = lab.cloud.reshape.capture("writer", "picture")
    saved, raw = folder / "saved", folder / "raw"
    lab.cloud.images.save(image.id, str(saved))
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", saved, raw)
    lab.cloud.images.delete(image.id)
    return raw


def is_clean(disk: Path) -> bool:
    """Whether a file system was at rest: nothing of its journal has to be done yet."""
    return "needs_recovery" not in run("dumpe2fs", "-h", disk)


def assert_whole(disk: Path, least: int | None = None) -> None:
    """All that was written is there from the first line on (at least so much), and no fault."""
    done = subprocess.run(["e2fsck", "-fn", disk], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    lines = run("debugfs", "-R", "cat /log", disk).split()
    known = len(lines) if least is None else least
    assert lines[:known] == [str(number) for number in range(1, known + 1)]
    assert lines


def assert_writing(guest: Guest) -> None:
    more = "was=$(wc -l </mnt/log); until [ $(wc -l </mnt/log) -gt $was ]; do usleep 20000; done"
    guest.run(f"{more}; sync")


def test_its_file_systems_are_frozen_and_go_on(
    shared_lab: Lab, guest: Guest, tmp_path: Path
) -> None:
    guest.forget()
    disk = copied(shared_lab, tmp_path)
    guest.wait_for(rf"{_HELD}(?s:.*){_GOES_ON}")
    assert_writing(guest)
    assert is_clean(disk)
    assert_whole(disk)
    log = guest.run("cat /run/lab/agent.log")
    # What could write is switched off meanwhile.
    assert log.index('"guest-fsfreeze-freeze"') < log.rindex("enabling command: guest-get-fsinfo")
    shared_lab.assert_in_order()


@pytest.mark.long
def test_an_agent_that_says_nothing_holds_no_copy_up(
    shared_lab: Lab, guest: Guest, tmp_path: Path
) -> None:
    guest.forget()
    synced = int(guest.run("lines=$(wc -l </mnt/log); sync; echo $lines"))
    guest.run("kill -STOP $(pidof qemu-ga)")
    began = time.monotonic()
    disk = copied(shared_lab, tmp_path)
    assert time.monotonic() - began < _MOST
    guest.run("kill -CONT $(pidof qemu-ga)")
    assert_writing(guest)
    assert _HELD not in guest.seen
    # As after a power cut: the journal puts it right, and what was not synced may be lacking.
    assert not is_clean(disk)
    subprocess.run(["e2fsck", "-fy", disk], capture_output=True, check=False)
    assert_whole(disk, synced)
    shared_lab.assert_in_order()


@pytest.mark.long
def test_an_agent_that_freezes_too_late_is_told_to_go_on(
    shared_lab: Lab, guest: Guest, tmp_path: Path
) -> None:
    guest.forget()
    hook = "/etc/lab/still"
    guest.run(f"cp {hook} {hook}.whole; sed -i '2i [ $1 = thaw ] || usleep 18000000' {hook}")
    copied(shared_lab, tmp_path)
    guest.run(f"mv {hook}.whole {hook}")
    guest.wait_for(rf"{_HELD}(?s:.*){_GOES_ON}")
    assert_writing(guest)
    shared_lab.assert_in_order()
