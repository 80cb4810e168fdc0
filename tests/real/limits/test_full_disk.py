"""A disk that is full: at the first byte, in the middle of a launch, and under the store itself."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backends.access import Access
from backends.cloud import Cloud
from backends.destroy import destroy
from backends.drivers.libvirt.facts import Reason, State
from backends.errors import MachineFailed
from backends.init import init
from backends.lab.image import RAM, LabImage
from backends.records import tables
from backends.services.instance import NewInstance
from backends.services.network import NewSubnet
from tests.real.guest import Guest
from tests.real.lab import eventually

_SIZE = 64 << 20
_JOURNAL = ("Operation", "OperationStep")


class Small:
    """A cloud whose folder is a file system of 64 MiB."""

    def __init__(self, root: Path, image: LabImage, store: str) -> None:
        self.root = root
        self.access = Access(cloud=f"t-{secrets.token_hex(3)}", state_root=root, store=store)
        init(self.access)
        self.cloud = Cloud.open(self.access)
        self.cloud.images.create("lab", str(image.disk), min_ram=RAM)
        self.cloud.flavors.create("m1.lab", ram=RAM, disk=1)
        self.cloud.networks.create("net")
        self.cloud.networks.create_subnet(NewSubnet("net", "172.16.14.0/24"))
        self.image = str(image.disk)

    def fill(self, left: int = 0) -> None:
        """Take all space but so many bytes."""
        fresh = os.statvfs(self.root)
        with (self.root / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, fresh.f_bavail * fresh.f_bsize - left)

    def empty(self) -> None:
        (self.root / "ballast").unlink()

    def things(self) -> dict[str, str]:
        """The records but the journal, and the files with their sizes."""
        found = {}
        with self.cloud.context.store.read() as session:
            for name in set(tables.__all__) - set(_JOURNAL):
                rows: Any = session.exec(select(getattr(tables, name)))
                for row in rows:
                    found[f"{name} {row.model_dump()}"] = ""
        for path in self.root.rglob("*"):
            # Folders that every cloud has once something was in them are nobody's.
            if path.is_file() and not path.name.startswith(("ballast", "store.db", "leases")):
                found[str(path)] = str(path.stat().st_size)
        return found

    def launch(self) -> None:
        self.cloud.instances.create(NewInstance("ship", "m1.lab", "lab"))

    def close(self) -> None:
        self.cloud.close()
        destroy(self.access)


@pytest.fixture
def root() -> Iterator[Path]:
    # Not below pytest's folders: QEMU's user has to reach what is in it.
    folder = Path(tempfile.mkdtemp(prefix="qdsmall"))
    mount = ("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=711", "tmpfs", str(folder))
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@pytest.fixture(params=["records elsewhere", "records on it"])
def small(
    request: pytest.FixtureRequest, daemons: None, lab_image: LabImage, root: Path, tmp_path: Path
) -> Iterator[Small]:
    store = str(tmp_path / "store.db") if request.param == "records elsewhere" else ""
    made = Small(root, lab_image, store)
    yield made
    made.close()


def full(small: Small, verb: Any) -> None:
    """The verb fails for want of space, in one line; with space again, nothing of it is left."""
    before = small.things()
    with pytest.raises(MachineFailed) as failure:
        verb()
    assert failure.value.code == "disk.full", str(failure.value)
    assert str(failure.value).isprintable()
    small.empty()
    # What an undo could not write either is done now.
    small.cloud.drift.recover()
    if not small.access.store:
        # Not even the journal could be written: as after a crash, the launch may be finished.
        small.cloud.instances.delete(*(row.id for row in small.cloud.instances.list()))
    assert small.things() == before
    assert not small.cloud.drift.show()


def test_an_image_does_not_fit(small: Small) -> None:
    small.fill(8 << 20)
    full(small, lambda: small.cloud.images.create("more", small.image))


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(0, id="nothing is left"),
        pytest.param(16 << 10, id="enough for a label"),
        pytest.param(128 << 10, id="not enough for the root disk"),
        pytest.param(320 << 10, id="not enough for the config drive"),
    ],
)
def test_a_launch_that_runs_out_of_space(small: Small, left: int) -> None:
    small.fill(left)
    full(small, small.launch)
    small.launch()
    assert small.cloud.instances.row("ship").status == "ACTIVE"
    small.cloud.instances.delete("ship")


@pytest.mark.parametrize("what", ["volume", "network", "project"])
def test_labels_that_cannot_be_written(small: Small, what: str) -> None:
    cloud = small.cloud
    verb = {
        "volume": lambda: cloud.volumes.create("cargo", 1),
        "network": lambda: cloud.networks.create("more"),
        "project": lambda: cloud.identity.create_project("ships"),
    }[what]
    small.fill()
    full(small, verb)
    verb()


def test_looking_takes_no_space(small: Small) -> None:
    small.fill()
    assert small.cloud.networks.show("net").name == "net"
    assert small.cloud.instances.list() == []
    assert not small.cloud.drift.show()
    small.empty()


@pytest.mark.parametrize("small", ["records elsewhere"], indirect=True)
def test_a_guest_that_fills_the_disk_goes_on_once_there_is_space(small: Small) -> None:
    cloud = small.cloud
    small.launch()
    row = cloud.instances.show("ship")
    guest = Guest(cloud.settings, row.id)
    try:
        guest.ready()
        cloud.volumes.create("cargo", 1)
        cloud.volumes.attach("cargo", "ship")
        device = guest.disk(cloud.volumes.show("cargo").volume.id)
        small.fill(4 << 20)
        guest.type(f"dd if=/dev/urandom of={device} bs=1M count=12 conv=fsync; echo WRO''TE $?")
        full = (State.PAUSED, Reason.IO_ERROR)
        eventually(lambda: cloud.machine.libvirt.states()[row.id] == full, "the pause")
        with pytest.raises(MachineFailed) as failure:
            cloud.instances.start("ship")
        assert failure.value.code == "instance.disk.error"
        small.empty()
        cloud.instances.start("ship")
        assert guest.wait_for(r"WROTE (\d+)").group(1) == "0"
        assert not cloud.drift.show()
    finally:
        guest.close()
    cloud.instances.delete("ship")


@pytest.mark.parametrize("small", ["records elsewhere"], indirect=True)
def test_a_running_guests_disk_stays_on_its_image_where_there_is_no_space_to_flatten_it(
    small: Small,
) -> None:
    cloud = small.cloud
    small.launch()
    small.fill(4 << 20)
    with pytest.raises(MachineFailed) as failure:
        cloud.chains.flatten("ship")
    assert failure.value.code == "libvirt.pull.failed"
    assert cloud.instances.show("ship").base_id == cloud.images.show("lab").id
    small.empty()
    assert not cloud.drift.show()
    cloud.chains.flatten("ship")
    assert cloud.instances.show("ship").base_id is None
    assert not cloud.drift.show()
    cloud.instances.delete("ship")
