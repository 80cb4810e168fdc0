"""Whose an image's file is: root's, for QEMU to read and nobody to write.

libvirt would make every disk of a domain QEMU's own (dynamic ownership), shared ones too; the
domains' XML tells it to leave the images alone.
"""

from __future__ import annotations

import grp
import os
import re
from functools import cache
from pathlib import Path

_CONFIGURATION = Path("/etc/libvirt/qemu.conf")
_GROUP = re.compile(r'^\s*group\s*=\s*"\+?([^"]+)"', re.MULTILINE)
# What Debian, Fedora and others call it.
_USUAL = ("libvirt-qemu", "qemu", "kvm")
MODE = 0o440


@cache
def qemu_group() -> int:
    """The id of the group that QEMU runs as; root's where none is known."""
    try:
        configured = _GROUP.search(_CONFIGURATION.read_text(encoding="utf-8"))
    except OSError:
        configured = None
    for name in (*((configured[1],) if configured else ()), *_USUAL):
        if name.isdecimal():
            return int(name)
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            continue
    return 0


def close(path: Path) -> None:
    """Root's, read-only. Who is not root can only take the right to write."""
    if os.geteuid() == 0:
        os.chown(path, 0, qemu_group())
    os.chmod(path, MODE)


def is_closed(uid: int, gid: int, mode: int) -> bool:
    """Whether a file with these is closed."""
    if mode != MODE:
        return False
    return os.geteuid() != 0 or (uid, gid) == (0, qemu_group())
