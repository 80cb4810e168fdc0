"""What a disk of another host holds, as that host finds it itself."""

from __future__ import annotations

import re
from pathlib import Path

from backends.hosts import Host
from backends.hosts.local import command_error

HOURS = 6 * 3600.0
# As much is looked through at once: in between one hears that nobody wants it any more.
_SPAN = 16 << 30
_SECTOR = 512
_THIN = re.compile(r"^\d+ \d+ thin (\d+) (\d+|-)$", re.MULTILINE)
_DIFFERENT = re.compile(r" differ: (?:byte|char) (\d+),")


def size_of(host: Host, path: Path) -> int:
    """How many bytes a device or a file has."""
    done = host.run(["blockdev", "--getsize64", str(path)], reads=True, check=False)
    if done.status != 0:
        done = host.run(["stat", "--dereference", "--format=%s", str(path)], reads=True)
    return int(done.stdout)


def end_of(host: Host, path: Path, size: int) -> int:
    """Where the last block ends that a thin volume was ever given; the size of anything else.

    Its status has the sectors it takes and the last of them (the kernel's thin-provisioning.rst).
    """
    done = host.run(["dmsetup", "status", str(path)], reads=True, check=False)
    found = _THIN.search(done.stdout) if done.status == 0 else None
    if found is None:
        return size
    return 0 if found.group(1) == "0" else min(size, (int(found.group(2)) + 1) * _SECTOR)


def data_after(host: Host, path: Path, offset: int, end: int) -> int:
    """Where the next byte that is not zero lies, or how far there is none (cmp(1))."""
    length = min(_SPAN, end - offset)
    skip = f"--ignore-initial={offset}:0"
    argv = ["cmp", skip, f"--bytes={length}", str(path), "/dev/zero"]
    done = host.run(argv, reads=True, check=False, timeout=HOURS)
    if done.status == 0:
        return offset + length
    if (found := _DIFFERENT.search(done.stdout)) is None:
        raise command_error("cmp", done)
    return offset + int(found.group(1)) - 1


def past_cache(source: Path | None, target: Path | None) -> list[str]:
    """Words for dd(1): what goes through a device once must not take the host's memory."""
    flags = (("iflag", source), ("oflag", target))
    return [f"{name}=direct" for name, path in flags if path and path.is_relative_to("/dev")]
