"""What is mounted, as the kernel lists it: no server is asked for that (proc_pid_mountinfo(5))."""

from __future__ import annotations

import re
from pathlib import Path

from backends.hosts import Host

_LIST = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def mounted(host: Host, folder: Path) -> dict[str, str]:
    """What is mounted right in a folder: its source by its name there, the topmost of several."""
    found = {}
    for line in (host.read_text(_LIST) or "").splitlines():
        before, _, after = line.partition(" - ")
        point = Path(_plain(before.split()[4]))
        if point.parent == folder:
            found[point.name] = _plain(after.split()[1])
    return found


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
