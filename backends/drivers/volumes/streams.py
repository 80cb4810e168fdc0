"""Disks as streams of pieces, here or on another host: what copies, backups and restores go by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain, groupby
from pathlib import Path

from backends.drivers.step import Progress
from backends.drivers.volumes import sparse
from backends.drivers.volumes.copying import CHUNK, Disk, copy, is_zero
from backends.errors import MachineFailed
from backends.hosts import Host, LocalHost, is_one_machine
from backends.hosts.local import disk_error
from backends.hosts.ssh import SshHost

_ZEROS = bytes(CHUNK)

# Called with an offset and the bytes there: every piece in order, of `CHUNK` bytes but the last.
Take = Callable[[int, bytes], None]


def read(host: Host, path: Path, take: Take) -> int:
    """Give every piece of a disk to `take`; returns how many bytes there were.

    Raises MachineFailed `disk.*`, `host.*`; what `take` raises.
    """
    if isinstance(host, SshHost):
        return _read_far(host, path, take)
    with closing(_open(path)) as disk:
        for offset, data in disk.chunks():
            take(offset, data)
        return disk.size


def write(host: Host, path: Path, pieces: Iterable[bytes], *, hollow: bool) -> None:
    """Write pieces one after the other over a disk. A `hollow` one reads as zeros already.

    Raises MachineFailed `disk.*`, `host.*`; what the pieces raise.
    """
    if isinstance(host, SshHost):
        for offset, run in _runs(pieces) if hollow else ((0, pieces),):
            argv = ["dd", f"of={path}", f"bs={CHUNK}", f"seek={offset}", "iflag=fullblock"]
            argv += ["conv=notrunc,fsync", "status=none", *sparse.past_cache(None, path)]
            host.pour(argv, sparse.HOURS, run)
        return
    offset = 0
    with closing(_open(path, writes=True)) as disk:
        for data in pieces:
            try:
                if not (hollow and is_zero(data)):
                    disk.write(offset, data)
            except OSError as error:
                raise disk_error(error, path) from error
            offset += len(data)
        disk.sync()


def carry(
    here: Host, source: Path, there: Host, target: Path, progress: Progress, *, hollow: bool
) -> None:
    """Copy a disk from a host to the same or another one. Raises what the others raise."""
    if is_one_machine(here, there):
        copy(here, source, target, progress, hollow=hollow)
    elif isinstance(here, LocalHost):
        with closing(_open(source)) as disk:
            write(there, target, _told(disk, progress), hollow=hollow)
    elif isinstance(there, LocalHost):
        with closing(_open(target, writes=True)) as disk:
            size = disk.size

            def take(offset: int, data: bytes) -> None:
                if not (hollow and is_zero(data)):
                    disk.write(offset, data)
                progress(min(1.0, offset / max(1, size)))

            read(here, source, take)
            disk.sync()
    else:
        text = "volumes are copied from or to this machine; go by way of a pool here"
        raise MachineFailed("pool.copy.far", text)


def _runs(pieces: Iterable[bytes]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Pieces that are not all zeros, as runs: the first one's number, and the pieces.

    A run has to be used up before the next is asked for.
    """
    numbered = enumerate(pieces)
    for is_hole, group in groupby(numbered, lambda each: is_zero(each[1])):
        if not is_hole:
            first, data = next(group)
            yield first, chain([data], (data for _, data in group))


def _told(disk: Disk, progress: Progress) -> Iterator[bytes]:
    for offset, data in disk.chunks():
        progress(min(1.0, offset / max(1, disk.size)))
        yield data


def _read_far(host: SshHost, path: Path, take: Take) -> int:
    """The host there looks for the data itself: of what is all zeros no byte travels."""
    size, offset = sparse.size_of(host, path), 0
    end = sparse.end_of(host, path, size)
    while offset < size:
        data = size
        if offset < end:
            data = sparse.data_after(host, path, offset, end) // CHUNK * CHUNK
        while offset < min(data, size):
            length = min(CHUNK, size - offset)
            take(offset, _ZEROS[:length])
            offset += length
        if offset < size:
            offset = _read_run(host, path, offset, take)
    return size


def _read_run(host: SshHost, path: Path, offset: int, take: Take) -> int:
    """Give what there is from here up to zeros or the end; returns where that is."""
    waiting = bytearray()

    def give(data: bytes) -> None:
        nonlocal offset
        take(offset, data)
        offset += len(data)

    def sink(data: bytes) -> None:
        waiting.extend(data)
        while len(waiting) >= CHUNK:
            piece = bytes(waiting[:CHUNK])
            del waiting[:CHUNK]
            give(piece)
            if is_zero(piece):
                raise _Hollow

    argv = ["dd", f"if={path}", f"bs={CHUNK}", f"skip={offset // CHUNK}", "status=none"]
    argv += sparse.past_cache(path, None)
    try:
        host.pour(argv, sparse.HOURS, (), sink)
    except _Hollow:
        return offset
    if waiting:
        give(bytes(waiting))
    return offset


class _Hollow(Exception):
    """Ends a stream at a piece of zeros: where they end, the host there finds sooner."""


def _open(path: Path, *, writes: bool = False) -> Disk:
    try:
        return Disk(path, writes=writes)
    except OSError as error:
        raise disk_error(error, path) from error
