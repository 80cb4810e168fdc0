"""A storage host that is cut off, full, or rebooted, while a guest writes to its volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from backends.cloud import Cloud
from backends.drivers.libvirt.facts import Reason
from backends.errors import Refused
from backends.services.pool import WARNS, PoolRow
from tests.real.guest import BOOT, Guest
from tests.real.lab import Lab, eventually
from tests.real.node.node import Node
from tests.real.storage.farm import GROUP, THIN, Farm, make, read, write

GIB = 1 << 30
_BLOCK = 4096
_PIECE = 64 << 10  # LVM's own for small thin pools
_LEFT = 3 << 20  # what is left to a pool that will be full


@pytest.fixture(scope="module")
def farm(new_node: Callable[..., Node]) -> Farm:
    return Farm(new_node(memory=256, cpus=1, disks=(1024, 1024)), thin_size="64M")


@pytest.fixture(scope="module")
def shop(shared_lab: Lab, farm: Farm) -> Iterator[tuple[Lab, Cloud, Guest, str]]:
    """A cloud with the pools, a running guest, and a volume in it."""
    lab, cloud = shared_lab, shared_lab.cloud
    farm.pools(cloud)
    lab.network(cloud, "net")
    guest = lab.guest(lab.launch(cloud, "vm", "net"))
    volume = make(cloud, "cargo", THIN)
    cloud.volumes.attach("cargo", "vm")
    yield lab, cloud, guest, volume
    cloud.volumes.detach("cargo", "vm")
    cloud.volumes.delete("cargo")
    assert farm.things(lab) == []


def test_a_host_that_is_cut_off_costs_nothing(
    shop: tuple[Lab, Cloud, Guest, str], farm: Farm
) -> None:
    lab, cloud, guest, volume = shop
    loop = Loop(guest, volume)
    eventually(lambda: loop.count > 2, "the loop writes")
    farm.node.cut_off()
    try:
        eventually(lambda: _pool(cloud).status == "down", "it is known to be away")
        assert farm.node.address in _pool(cloud).fact.error
        problems = {each.code for each in cloud.drift.show().plan.problems}
        assert problems == {"pool.unreachable"}
        # Other pools are not asked to wait, nor the guest's other disks.
        cloud.volumes.create("elsewhere", 1)
        cloud.volumes.attach("elsewhere", "vm")
        near = cloud.volumes.show("elsewhere").volume.id
        assert write(guest, near) == read(guest, near)
        cloud.volumes.detach("elsewhere", "vm")
        cloud.volumes.delete("elsewhere")
        assert _pool(cloud).status == "down"
        assert [row.status for row in cloud.volumes.list() if row.volume.name == "cargo"] == [
            "in-use"
        ]
        stopped_at = loop.count
    finally:
        farm.node.restore()
    eventually(lambda: _pool(cloud).status == "up", "it is back")
    eventually(lambda: loop.count > stopped_at + 2, "the loop goes on", BOOT)
    loop.stop()
    assert loop.holds()
    lab.assert_in_order()


@pytest.mark.long
def test_a_host_that_was_rebooted_offers_its_volumes_again(
    shop: tuple[Lab, Cloud, Guest, str], farm: Farm
) -> None:
    lab, cloud, guest, volume = shop
    before = write(guest, volume, place=40)
    farm.node.reboot()
    farm.start_targets()
    eventually(lambda: _pool(cloud).status == "up", "it is back")
    assert "offer volume" in " ".join(step.text for step in cloud.drift.show().plan.steps)
    cloud.drift.repair()
    lab.assert_in_order()
    guest.run("echo 3 > /proc/sys/vm/drop_caches")
    assert read(guest, volume, place=40) == before
    assert write(guest, volume, place=41, text="later") == read(guest, volume, place=41)


@pytest.mark.long
def test_a_thin_pool_that_fills_halts_who_writes_and_lets_them_go_on(
    shop: tuple[Lab, Cloud, Guest, str], farm: Farm
) -> None:
    lab, cloud, guest, volume = shop
    kept = write(guest, volume, place=1)
    cloud.pools.set(THIN, ratio=GIB / (64 << 20))
    with pytest.raises(Refused, match="may promise 1 GiB and has promised 1"):
        make(cloud, "more", THIN)
    hog = Hog(farm.node)
    hog.eat(int(_pool(cloud).fact.size * WARNS))
    assert _pool(cloud).status == "filling"

    hog.eat(_pool(cloud).fact.free - _LEFT)
    device, over = guest.disk(volume), f"yes over | head -c {2 * _LEFT}"
    how = "iflag=fullblock conv=notrunc,fsync"
    guest.type(f"{over} | dd of={device} bs=1M seek=56 {how}; echo D'ON'E")
    instance = guest.id
    eventually(lambda: _halted(cloud, instance), "the guest halts", BOOT)
    assert _pool(cloud).used > 0.99
    farm.node.run("lvextend", "--yes", "--size", "1G", f"{GROUP}/pool")
    cloud.instances.start("vm")
    guest.wait_for("DONE", deadline=BOOT)
    guest.run("echo 3 > /proc/sys/vm/drop_caches")
    assert read(guest, volume, place=1) == kept
    wanted = guest.run(f"{over} | sha256sum").split()[0]
    found = guest.run(
        f"dd if={device} bs=1M skip=56 count={2 * _LEFT >> 20} 2>/dev/null | sha256sum"
    )
    assert found.split()[0] == wanted
    hog.leave()
    lab.assert_in_order()


class Hog:
    """A stranger's volume in the thin pool, which takes what it is told to."""

    def __init__(self, node: Node) -> None:
        self._node, self._eaten = node, 0
        node.run("lvcreate", "--yes", "--virtualsize", "1G", "--thinpool", f"{GROUP}/pool",
                 "--name", "hog")  # fmt: skip

    def eat(self, size: int) -> None:
        """Write as many bytes more, in the pool's own pieces."""
        count = size // _PIECE
        where = (f"of=/dev/{GROUP}/hog", f"seek={self._eaten}", "oflag=direct")
        self._node.run("dd", "if=/dev/zero", f"bs={_PIECE}", f"count={count}", *where)
        self._eaten += count

    def leave(self) -> None:
        self._node.run("lvremove", "--yes", f"{GROUP}/hog")


def _pool(cloud: Cloud) -> PoolRow:
    return next(row for row in cloud.pools.list() if row.pool.name == THIN)


def _halted(cloud: Cloud, instance: str) -> bool:
    return cloud.machine.libvirt.facts([instance])[instance].reason is Reason.IO_ERROR


class Loop:
    """The guest writes numbered blocks, each flushed, until it is told to stop."""

    def __init__(self, guest: Guest, volume_id: str) -> None:
        self._guest, self._device = guest, guest.disk(volume_id)
        guest.run("rm -f /run/stop; echo 0 > /run/count")
        block = f"yes block $n | head -c {_BLOCK}"
        how = "iflag=fullblock conv=notrunc,fsync 2>/dev/null"
        write = f"dd of={self._device} bs={_BLOCK} seek=$n {how}"
        body = f"n=$((n+1)); {block} | {write} && echo $n > /run/count"
        guest.type(f"n=0; (while [ ! -e /run/stop ]; do {body}; done; touch /run/done) &")

    @property
    def count(self) -> int:
        """How many blocks the device has taken."""
        return int(self._guest.run("cat /run/count") or 0)

    def stop(self) -> None:
        self._guest.run("touch /run/stop; until [ -e /run/done ]; do usleep 50000; done")

    def holds(self) -> bool:
        """Whether every block is there, read from the device."""
        count = self.count
        whole = f"for n in $(seq {count}); do yes block $n | head -c {_BLOCK}; done | sha256sum"
        read = f"dd if={self._device} bs={_BLOCK} skip=1 count={count} 2>/dev/null | sha256sum"
        self._guest.run("rm -f /run/done; echo 3 > /proc/sys/vm/drop_caches")
        return self._guest.run(read) == self._guest.run(whole)
