"""What lies in a folder, by one command for any number of files, on any host (find(1)).

Others write there meanwhile: what was renamed or removed under the listing is simply not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from backends.hosts.base import Host


class File(NamedTuple):
    """A plain file: `size` in bytes, `mode` its permissions."""

    name: str
    size: int
    uid: int
    gid: int
    mode: int


def files(host: Host, folder: Path) -> Iterator[File]:
    """Each plain file in `folder`."""
    what = "%f %s %U %G %m\\n"
    for line in _find(host, folder, "-maxdepth", "1", "-type", "f", "-printf", what):
        name, size, uid, gid, mode = line.rsplit(" ", 4)
        yield File(name, int(size), int(uid), int(gid), int(mode, 8))


def sizes(host: Host, folder: Path) -> Iterator[tuple[str, int]]:
    """Name and size in bytes of each plain file in `folder`."""
    for line in _find(host, folder, "-maxdepth", "1", "-type", "f", "-printf", "%f %s\\n"):
        name, _, size = line.rpartition(" ")
        yield name, int(size)


def tree(host: Host, folder: Path) -> Iterator[str]:
    """The paths, from `folder` on, of all that lies in it and in its folders."""
    yield from _find(host, folder, "-mindepth", "1", "-maxdepth", "2", "-printf", "%P\\n")


def _find(host: Host, folder: Path, *tests: str) -> list[str]:
    found = host.run(["find", str(folder), "-ignore_readdir_race", *tests], reads=True)
    return found.stdout.splitlines()
