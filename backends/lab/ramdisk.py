"""The guest's files as an initramfs: a cpio archive of the "newc" kind, compressed by zstd.

Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from backends.errors import MachineFailed
from backends.lab.packages import run

_DIRECTORY = 0o040755
_FILE = 0o100000
_LINK = 0o120777

DIRECTORIES = (
    "bin",
    "boot",
    "dev",
    "mnt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr/sbin",
)
PROGRAMS = ("dropbear", "dropbearkey")


def archive(entries: dict[str, tuple[int, bytes]]) -> bytes:
    """A newc archive of {path: (mode with its type, content)}; parents are added as needed."""
    full: dict[str, tuple[int, bytes]] = {}
    for path, entry in entries.items():
        for parent in reversed(Path(path).parents[:-1]):
            full.setdefault(str(parent), (_DIRECTORY, b""))
        full[path] = entry
    records = [
        _record(number, path, mode, content)
        for number, (path, (mode, content)) in enumerate(full.items(), start=1)
    ]
    return b"".join([*records, _record(0, "TRAILER!!!", 0, b"")])


def _record(number: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device (4), name's size, checksum
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    return _padded(head) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def guest_files() -> dict[str, bytes]:
    """The files of the `guest` directory, by their path in the guest."""
    return dict(_walk(resources.files("backends.lab") / "guest", ""))


def _walk(place: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in sorted(place.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            found += _walk(item, f"{prefix}{item.name}/")
        else:
            found.append((prefix + item.name, item.read_bytes()))
    return found


def tree(modules: dict[str, bytes], more: Sequence[Path] = ()) -> dict[str, tuple[int, bytes]]:
    """The guest's root: directories, our files, programs of this machine and `more`, modules."""
    entries = dict.fromkeys(DIRECTORIES, (_DIRECTORY, b""))
    entries["tmp"] = (0o041777, b"")
    entries["root"] = (0o040700, b"")
    for name, content in guest_files().items():
        mode = _FILE | (0o755 if content.startswith(b"#!") else 0o644)
        entries["init" if name == "init" else f"etc/{name}"] = (mode, content)
    entries["bin/busybox"] = (_FILE | 0o755, _program("busybox").read_bytes())
    entries["bin/sh"] = (_LINK, b"busybox")
    # By this name the guest agent asks for it.
    entries["sbin/shutdown"] = (_LINK, b"/etc/lab/shutdown")
    for program in (*map(_program, PROGRAMS), *more):
        entries[f"usr/bin/{program.name}"] = (_FILE | 0o755, program.read_bytes())
        for library in _libraries(program):
            entries[str(library).lstrip("/")] = (_FILE | 0o755, library.read_bytes())
    for name, code in modules.items():
        entries[f"lib/modules/{name}.ko"] = (_FILE | 0o644, code)
    entries["lib/modules/order"] = (_FILE | 0o644, "".join(f"{n}\n" for n in modules).encode())
    return entries


def _program(name: str) -> Path:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise MachineFailed("lab.program", f"{name} is not installed; run: make setup")
    return Path(found)


def _libraries(program: Path) -> list[Path]:
    """The shared libraries of a program and its loader, by the names the loader looks for."""
    listed = run(["ldd", str(program)])
    if lacking := [line.split()[0] for line in listed.splitlines() if "not found" in line]:
        text = f"{program.name} needs {', '.join(lacking)}, which is not installed"
        raise MachineFailed("lab.program", f"{text}; run: make setup")
    words = listed.split()
    return [Path(word) for word in words if word.startswith("/")]


def write_ramdisk(modules: dict[str, bytes], path: Path, more: Sequence[Path] = ()) -> None:
    """Write the compressed initramfs to `path`, with `more` programs in it."""
    plain = path.with_suffix(".cpio")
    plain.write_bytes(archive(tree(modules, more)))
    # A window of 1 MiB: the kernel keeps a whole window beside the unpacked files, and a small
    # guest has no memory for the 8 MiB that -19 takes by itself.
    run(["zstd", "-q", "-19", "--zstd=wlog=20", "--rm", str(plain), "-o", str(path)])
