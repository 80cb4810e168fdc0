"""Disks of another host, read and written over SSH: all of them but their holes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from backends.drivers.volumes import streams
from backends.drivers.volumes.copying import CHUNK
from backends.errors import Cancelled, MachineFailed
from backends.hosts import LocalHost
from backends.hosts.ssh import SshHost
from tests.real.ssh_server import SshServer

_TAIL = 12345
# How many pieces a disk has, which are not zeros, and what it has after its last whole one.
SHAPES: dict[str, tuple[int, list[int], bytes]] = {
    "zeros": (3, [], bytes(_TAIL)),
    "data": (3, [0, 1, 2], os.urandom(_TAIL)),
    "data amid zeros": (6, [1, 2, 4], b""),
    "zeros amid data": (4, [0, 3], bytes(_TAIL)),
    "no whole piece": (0, [], os.urandom(_TAIL)),
}


class CountingHost(SshHost):
    """Counts the bytes that came as a stream."""

    came = 0

    def pour(
        self,
        argv: Iterable[str],
        timeout: float,
        source: Iterable[bytes] = (),
        sink: Callable[[bytes], object] | None = None,
    ) -> None:
        def counted(data: bytes) -> None:
            self.came += len(data)
            if sink is not None:
                sink(data)

        super().pour([*argv], timeout, source, counted if sink else None)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingHost]:
    server = SshServer(tmp_path_factory.mktemp("ssh"))
    server.start()
    made = CountingHost("there", server.address)
    yield made
    made.close()
    server.stop()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_disk_goes_there_and_comes_back(host: CountingHost, tmp_path: Path, shape: str) -> None:
    count, data, tail = SHAPES[shape]
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    # A piece that has one byte is a piece with data.
    pieces = [
        os.urandom(CHUNK) if number % 2 else bytes(CHUNK - 1) + b"x" for number in range(count)
    ]
    here.write_bytes(
        b"".join(each if number in data else bytes(CHUNK) for number, each in enumerate(pieces))
        + tail
    )
    for path in (there, back):
        path.touch()
        os.truncate(path, here.stat().st_size)
    near = LocalHost()
    streams.carry(near, here, host, there, lambda share: None, hollow=True)
    assert there.read_bytes() == here.read_bytes()
    streams.carry(host, there, near, back, lambda share: None, hollow=True)
    assert back.read_bytes() == here.read_bytes()


def test_holes_do_not_travel(host: CountingHost, tmp_path: Path) -> None:
    there = tmp_path / "there"
    with there.open("wb") as file:
        file.truncate(1 << 28)
        file.seek(150 << 20)
        file.write(b"something")
    came, seen = host.came, []
    assert streams.read(host, there, lambda offset, data: seen.append(len(data))) == 1 << 28
    assert sum(seen) == 1 << 28
    assert host.came - came <= 16 << 20


def test_who_wants_it_no_more_ends_it(host: CountingHost, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(os.urandom(3 * CHUNK))

    def take(offset: int, data: bytes) -> None:
        raise Cancelled("volume.backup.create")

    with pytest.raises(Cancelled):
        streams.read(host, there, take)
    with pytest.raises(MachineFailed, match="No such file"):
        streams.read(host, tmp_path / "nothing", take)
