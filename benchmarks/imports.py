"""A raw image of 2 GiB imported and held to its checksum, against `sha256sum` and `cp`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from backends.cloud import Cloud
from benchmarks import scratch
from benchmarks.measure import Result, medians

_GIB = 1 << 30
_SIZE = 2 * _GIB
_PIECE = 64 << 20
_RUNS = 3


def main() -> list[Result]:
    """Both read the same file, from the page cache, and write to the same file system."""
    with scratch.cloud(guests=False) as (cloud, access):
        source = access.state_root / "source.raw"
        copy = access.state_root / "copy.raw"
        _fill(source)
        source.chmod(0o644)
        known = _sha256(source)

        def peer() -> None:
            assert _sha256(source) == known
            subprocess.run(["cp", "--reflink=never", source, copy], check=True)

        times = medians(
            {"ours": lambda: _bring(cloud, source, known), "peer": peer},
            _RUNS,
            after={"ours": lambda: cloud.images.delete("bench"), "peer": copy.unlink},
        )
        source.unlink()
    name = "import of 2 GiB with checksum / sha256sum + cp"
    return [Result(name, times["ours"], times["peer"], 1.2)]


def _bring(cloud: Cloud, source: Path, sha256: str) -> object:
    return cloud.images.create("bench", str(source), disk_format="raw", sha256=sha256)


def _sha256(path: Path) -> str:
    return subprocess.run(
        ["sha256sum", path], check=True, capture_output=True, text=True
    ).stdout.split()[0]


def _fill(path: Path) -> None:
    """Bytes that are no zeros, as fast as they can be had."""
    with open("/dev/urandom", "rb", buffering=0) as random, path.open("wb") as file:
        piece = random.read(_PIECE)
        for number in range(_SIZE // _PIECE):
            # No two pieces alike.
            file.write(number.to_bytes(8, "big") + piece[8:].ljust(_PIECE - 8, b"x"))


if __name__ == "__main__":
    print(*main(), sep="\n")
