"""A guest that writes to a volume which moves to a pool of another kind and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import libvirt
import pytest

from backends.cloud import Cloud
from backends.records.volume import Volume
from backends.services.pool import NewPool
from tests.real.guest import Guest
from tests.real.lab import Lab, eventually, run
from tests.real.life.scripts import NOMAD, SHED
from tests.real.life.test_operations import begun
from tests.real.storage.farm import Farm

GUEST = "carrier"
DEFAULT = "default"
# Seconds for a verb that copies, on a machine that others use too.
PATIENCE = 900
# MiB of the pattern, which is random; behind it the guest writes one line after another, with sync.
_PATTERN, _LINES = 24, 64
_WRITER = (
    "i=0; while true; do i=$((i+1)); echo $i | dd of={device} bs=512 seek=$(({at}*2048+i))"
    " conv=sync,fsync 2>/dev/null; echo $i >/tmp/new; mv /tmp/new /tmp/written; done"
)


class Shed(Protocol):
    """A pool that the volume moves to."""

    def tell(self, cloud: Cloud) -> None:
        """Make the pool known."""
        ...

    def place(self, lab: Lab, volume_id: str) -> str | None:
        """What its guest knows it by, where it lies there."""
        ...

    def read(self, volume_id: str, start: int, length: int) -> bytes:
        """What lies there of it, in MiB."""
        ...


class Folder:
    """A pool of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tell(self, cloud: Cloud) -> None:
        cloud.pools.create(NewPool(SHED, place=str(self._folder)))

    def place(self, lab: Lab, volume_id: str) -> str | None:
        found = [str(path) for path in self._folder.rglob(volume_id)]
        return found[0] if found else None

    def read(self, volume_id: str, start: int, length: int) -> bytes:
        (path,) = self._folder.rglob(volume_id)
        with path.open("rb") as file:
            file.seek(start << 20)
            return file.read(length << 20)


class Far:
    """A pool of a storage host."""

    def __init__(self, farm: Farm, driver: str = "lvm-thin", place: str = "vg/pool") -> None:
        self._farm, self._driver, self._place = farm, driver, place

    def tell(self, cloud: Cloud) -> None:
        self._farm.pool(cloud, SHED, self._driver, self._place)

    def place(self, lab: Lab, volume_id: str) -> str | None:
        there = self._farm.things(lab)
        volume = Path(self._device(volume_id)).name in there
        target = f"{lab.name}.{volume_id}.{SHED}"
        assert volume is any(target in each for each in there), there
        return target if volume else None

    def read(self, volume_id: str, start: int, length: int) -> bytes:
        argv = ("dd", f"if={self._device(volume_id)}", "bs=1M", f"skip={start}", f"count={length}")
        return self._farm.node.run(*argv).encode()

    def _device(self, volume_id: str) -> str:
        thin = ".pool" if self._driver == "lvm-thin" else ""
        return f"/dev/vg/volume-{volume_id}{thin}"


class Move:
    """The guest, in a cloud with the default pool, of files, and another."""

    def __init__(self, lab: Lab, shed: Shed) -> None:
        self.lab, self.shed = lab, shed
        self.cloud: Cloud = lab.cloud
        shed.tell(self.cloud)
        self.volume: Volume = self.cloud.volumes.create(NOMAD, 1)
        lab.network(self.cloud, "net")
        self.instance = lab.launch(self.cloud, GUEST, "net")
        self.guest: Guest = lab.guest(self.instance)
        self.cloud.volumes.attach(NOMAD, GUEST)
        self.device = self.guest.disk(self.volume.id)
        write = f"dd if=/dev/urandom of={self.device} bs=1M count={_PATTERN} conv=fsync 2>/dev/null"
        self.guest.run(write)
        self.sum = self.checksum()
        self.guest.type(f"({_WRITER.format(device=self.device, at=_LINES)}) &")
        self.guest.run("until [ -s /tmp/written ]; do usleep 20000; done")

    def checksum(self) -> str:
        """Of the pattern, as the guest reads it from the disk."""
        drop = "echo 3 >/proc/sys/vm/drop_caches"
        read = f"dd if={self.device} bs=1M count={_PATTERN} 2>/dev/null | md5sum"
        return self.guest.run(f"{drop}; {read}").split()[0]

    def written(self) -> int:
        """How many lines the guest knows to be on the disk; it is writing more."""
        now = "cat /tmp/written"
        self.guest.run(f"was=$({now}); until [ $({now}) -gt $was ]; do usleep 20000; done")
        return int(self.guest.run(now))

    def place(self, pool: str) -> str | None:
        """Where it lies in a pool, if it does."""
        if pool == SHED:
            return self.shed.place(self.lab, self.volume.id)
        path = self.cloud.settings.volume(self.volume.id)
        return str(path) if path.exists() else None

    def assert_alone(self, pool: str) -> None:
        """It is nowhere else, and libvirt has a key where one is needed."""
        places = {each: self.place(each) for each in (SHED, DEFAULT)}
        assert [each for each, place in places.items() if place] == [pool]
        far = pool == SHED and isinstance(self.shed, Far)
        assert (self.volume.id in run("virsh", "secret-list")) is far
        assert (self.cloud.settings.keys / self.volume.id).exists() is far

    def assert_holds(self, count: int) -> None:
        """It has so many lines, which the guest was told are on the disk."""
        size = -(-(count + 1) * 512 // (1 << 20))
        pool = self.cloud.volumes.show(NOMAD).volume.pool
        here = Folder(self.cloud.settings.volumes)
        lines = (self.shed if pool == SHED else here).read(self.volume.id, _LINES, size)
        for number in range(1, count + 1):
            assert lines[number * 512 :].split(b"\n", 1)[0] == str(number).encode(), number

    def go_there_and_back(self) -> None:
        """To the other pool and back, whole each time."""
        for pool in (SHED, DEFAULT):
            self.cloud.volumes.migrate(NOMAD, pool)
            self.assert_whole(pool)

    def assert_whole(self, pool: str) -> None:
        """It lies in this pool alone, the guest writes to it there, and nothing is lacking."""
        count = self.written()
        assert self.checksum() == self.sum
        self.assert_alone(pool)
        self.assert_holds(count)
        for more in ((), ("--inactive",)):
            place = self.place(pool)
            assert place
            assert place in run("virsh", "dumpxml", self.instance.id, *more)
        row = self.cloud.volumes.show(NOMAD)
        assert (row.volume.pool, row.status) == (pool, "in-use")
        self.lab.assert_in_order()

    def reopen(self) -> None:
        """As the next start of a program finds it."""
        self.cloud = self.lab.reopen()
        self.cloud.drift.recover()
        row = self.cloud.volumes.show(NOMAD).volume
        assert row.target_pool == ""
        self.assert_alone(row.pool)
        self.guest = self.lab.look_at(self.instance)

    def hurry(self) -> None:
        """Let a copy that was begun slowly go on as fast as it can."""
        (attachment,) = self.cloud.volumes.attachments(NOMAD)
        run("virsh", "blockjob", self.instance.id, attachment.device, "--bandwidth", "0")

    @contextmanager
    def begun(self) -> Iterator[tuple[Cloud, str, list[BaseException]]]:
        """On its way to the other pool, slowly: who else looks on, the operation, how it ends."""
        other = self.lab.open()
        with pytest.MonkeyPatch.context() as patch:
            _slow(patch)
            with begun(self.cloud, lambda: self.cloud.volumes.migrate(NOMAD, SHED)) as (id_, ended):
                eventually(lambda: other.operations.show(id_)[0].progress, "progress")
                yield other, id_, ended


def _slow(patch: pytest.MonkeyPatch) -> None:
    """Let libvirt copy a MiB a second."""
    copy = libvirt.virDomain.blockCopy
    limits = {libvirt.VIR_DOMAIN_BLOCK_COPY_BANDWIDTH: 1 << 20}
    patch.setattr(
        libvirt.virDomain,
        "blockCopy",
        lambda domain, disk, xml, params=None, flags=0: copy(domain, disk, xml, limits, flags),
    )
