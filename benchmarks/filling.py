"""A volume made of a sparse image of 4 GiB, against `qemu-img convert` of the same file."""

from __future__ import annotations

import subprocess
from pathlib import Path

from backends.cloud import Cloud
from backends.services.volume import NewVolume
from benchmarks import scratch
from benchmarks.measure import Result, medians

_GIB = 1 << 30
_SIZE = 4 * _GIB
# Of each stretch as much is data, the rest of it a hole.
_DATA, _STRETCH = 16 << 20, 64 << 20
_RUNS = 5
_NAME = "bench"


def main() -> list[Result]:
    """Both read the same file, from the page cache, and write to the same file system.

    Ours is the whole verb, and outlasts a power cut when it ends. What the peer makes waits in
    memory, but for the second, which waits for the disk as ours does.
    """
    with scratch.cloud(guests=False) as (cloud, access):
        source = access.state_root / "source.raw"
        copy = access.state_root / "copy.raw"
        _fill(source)
        source.chmod(0o644)
        image = cloud.images.create(_NAME, str(source), disk_format="raw")
        source.unlink()
        whence = cloud.settings.image(image.id)

        def peer() -> None:
            argv = ["qemu-img", "convert", "-f", "raw", "-O", "raw"]
            subprocess.run([*argv, whence, copy], check=True)

        def synced() -> None:
            peer()
            subprocess.run(["sync", copy], check=True)

        times = medians(
            {
                "ours": lambda: cloud.volumes.make(NewVolume(_NAME, image=_NAME)),
                "peer": peer,
                "synced": synced,
            },
            _RUNS,
            after={
                "ours": lambda: _check(cloud, whence),
                "peer": copy.unlink,
                "synced": copy.unlink,
            },
        )
    name = "volume of a sparse image of 4 GiB / qemu-img convert"
    return [
        Result(name, times["ours"], times["peer"], 1.2),
        Result(f"{name}, sync", times["ours"], times["synced"], 1.2),
    ]


def _check(cloud: Cloud, whence: Path) -> None:
    volume = cloud.settings.volume(cloud.volumes.show(_NAME).volume.id)
    subprocess.run(["cmp", whence, volume], check=True)
    assert volume.stat().st_blocks * 512 < _SIZE // 3
    cloud.volumes.delete(_NAME)


def _fill(path: Path) -> None:
    """Bytes that are no zeros and no two pieces alike, with holes between them."""
    with open("/dev/urandom", "rb", buffering=0) as random, path.open("wb") as file:
        piece = random.read(_DATA)
        for start in range(0, _SIZE, _STRETCH):
            file.seek(start)
            file.write(start.to_bytes(8, "big") + piece[8:].ljust(_DATA - 8, b"x"))
        file.truncate(_SIZE)


if __name__ == "__main__":
    print(*main(), sep="\n")
