"""The notes' own command lines, word for word but for the program's name and the image's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.lab.image import RAM, LabImage
from tests.real.lab import Lab

_ROOT = Path(__file__).parents[3]
_PROGRAM = Path(sys.executable).with_name("quarterdeck")
# The admin's lines, then the project's own.
IDENTITY = (
    "project create --domain default --description Demo demo",
    "user create --domain default --password secret-enough demo",
    "role add --project demo --user demo member",
)
VOLUME = ("volume create --size 1 volume1", "volume list")


@pytest.fixture
def bare_lab(daemons: None) -> Iterator[Lab]:
    """A cloud with nothing in it."""
    lab = Lab()
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


Run = Callable[..., str]


@pytest.fixture
def admin(bare_lab: Lab) -> Run:
    return lambda *words: command(bare_lab, {}, words)


@pytest.fixture
def demo(bare_lab: Lab) -> Run:
    whoami = {"OS_PROJECT_NAME": "demo", "OS_USERNAME": "demo", "OS_PASSWORD": "secret-enough"}
    return lambda *words: command(bare_lab, whoami, words)


def command(lab: Lab, whoami: dict[str, str], words: tuple[str, ...]) -> str:
    """What the program prints. One word is a whole line."""
    if len(words) == 1:
        words = tuple(words[0].split())
    done = subprocess.run(
        [_PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": str(_ROOT), "QUARTERDECK_CLOUD": lab.name, **whoami},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_notes_from_project_to_disk(
    bare_lab: Lab, admin: Run, demo: Run, lab_image: LabImage
) -> None:
    for line in IDENTITY:
        admin(line)
    image = ("--file", str(lab_image.disk), "--disk-format", "qcow2")
    admin("image", "create", "lab", *image, "--container-format", "bare", "--public")
    assert "lab" in demo("image list")
    admin(f"flavor create --id 0 --vcpus 1 --ram {RAM} --disk 1 m0.nano")
    demo("network create selfservice")
    demo(
        "subnet create --network selfservice --dns-nameserver 8.8.8.8 --gateway 172.16.1.1"
        " --subnet-range 172.16.1.0/24 selfservice"
    )
    network = demo("network show selfservice -f value -c id").strip()
    demo(
        f"server create --flavor m0.nano --image lab --nic net-id={network}"
        " --security-group default selfservice-instance"
    )
    (row,) = json.loads(demo("server list -f json"))
    assert row["Status"] == "ACTIVE"
    for line in VOLUME:
        demo(line)
    demo("server add volume selfservice-instance volume1")
    assert "in-use" in demo("volume list")

    guest = bare_lab.guest(bare_lab.cloud.instances.show(row["ID"]))
    volume = demo("volume show volume1 -f value -c id").strip()
    disk = guest.disk(volume)
    assert guest.run(f"blockdev --getsize64 {disk}") == str(1 << 30)
    guest.run(f"echo written by the guest | dd of={disk} bs=512 seek=2000000 conv=sync 2>/dev/null")
    demo("server remove volume selfservice-instance volume1")
    assert guest.attempt(f"test -b {disk}")[0] == 1
    demo("server add volume selfservice-instance volume1")
    again = guest.disk(volume)
    read = guest.run(f"dd if={again} bs=512 skip=2000000 count=1 2>/dev/null | head -n 1")
    assert read == "written by the guest"
    assert "8.8.8.8" in guest.run("cat /etc/resolv.conf")
    assert "via 172.16.1.1" in guest.run("ip route")
    bare_lab.assert_in_order()

    demo("server delete selfservice-instance")
    demo("volume delete volume1")
    demo("network delete selfservice")
    admin("image delete lab")
    admin("user delete demo")
    admin("project delete demo")
    bare_lab.assert_in_order()
