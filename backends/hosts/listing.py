"""What lies in a folder, by one command for any number of files, on any host (find(1)).

Others write there meanwhile: what was renamed or removed under the listing is simply not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backends.hosts.base import Host


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
