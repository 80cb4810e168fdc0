"""Volumes of a storage host (an emulated lab node) against LVM's bare commands there.

Both go over the same kept SSH connection, so that only its ratios mean anything. Ours are whole
verbs: records and journal, looks at the host before, the volume with its tags, its iSCSI target
with a secret of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from backends.cloud import Cloud
from backends.drivers.volumes.pool import pool_of
from backends.hosts import Host
from backends.services.volume import NewVolume
from benchmarks import scratch
from benchmarks.measure import Result, medians
from tests.real.node.image import build
from tests.real.node.node import Node
from tests.real.node.underlay import Underlay
from tests.real.storage.farm import GROUP, THIN, Farm

_MANY, _RUNS, _AIM = 50, 5, 2.0
_DISK = 4096  # MiB


def main() -> list[Result]:
    """Boot a node, and make volumes on it."""
    underlay = Underlay()
    try:
        with Node(build(), underlay, memory=512, disks=(_DISK, _DISK)) as node:
            farm = Farm(node)
            with scratch.cloud(guests=False) as (cloud, _):
                farm.pools(cloud)
                cloud.pools.set(THIN, ratio=100)
                cloud.quotas.set("admin", {"volumes": -1, "gigabytes": -1})
                return measure(cloud)
    finally:
        underlay.close()


def measure(cloud: Cloud) -> list[Result]:
    """A clone, then many volumes; all are taken away again."""
    volumes = cloud.volumes
    host = cloud.machine.volumes.backend(pool_of(cloud.pools.show(THIN).pool)).host
    origin = volumes.make(NewVolume("origin", 1, pool=THIN)).id
    times = medians(
        {
            "ours": lambda: volumes.make(NewVolume("clone", source="origin", pool=THIN)),
            "peer": lambda: _lvcreate(host, "bare", "--snapshot", f"{GROUP}/volume-{origin}.pool"),
        },
        _RUNS,
        after={"ours": lambda: volumes.delete("clone"), "peer": lambda: _lvremove(host, "bare")},
    )
    names = [f"many-{number}" for number in range(_MANY)]
    room = ("--virtualsize", "1G", "--thinpool", f"{GROUP}/pool")
    ours = peer = 0.0
    # In turns: the more volumes there are, the longer LVM takes for the next.
    for name in names:
        ours += _timed(partial(volumes.make, NewVolume(name, 1, pool=THIN)))
        peer += _timed(partial(_lvcreate, host, name, *room))
    volumes.delete("origin", *names)
    return [
        Result("clone on a thin pool / lvcreate -s", times["ours"], times["peer"], _AIM),
        Result(f"{_MANY} volumes / {_MANY} lvcreate", ours, peer, _AIM),
    ]


def _lvcreate(host: Host, name: str, *how: str) -> object:
    return host.run(["lvcreate", "--yes", "--setactivationskip", "n", "--name", name, *how])


def _lvremove(host: Host, name: str) -> None:
    host.run(["lvremove", "--yes", f"{GROUP}/{name}"])


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    print(*main(), sep="\n")
