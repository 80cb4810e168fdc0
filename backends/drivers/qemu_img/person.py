"""Opening a file as a user of the machine, though the process is root's.

Only the thread that opens it changes who it is to the file system (setfsuid(2), setgroups(2) as the
system call, which unlike the C library's leaves the other threads alone), and then it ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from backends.errors import Refused

T = TypeVar("T")

NOBODY = 65534
# setgroups(2) by machine: https://gpages.juszkiewicz.com.pl/syscalls-table/syscalls.html
_SETGROUPS = {"x86_64": 116, "i686": 206, "ppc64le": 81, "s390x": 206}
_SETGROUPS_GENERIC = 159  # aarch64, riscv64, loongarch64


def open_as(uid: int | None, path: str, flags: int, mode: int = 0o600) -> int:
    """A descriptor of the file, opened as the user with this id; as the process where it is None.

    A symbolic link at its end is not followed. Raises Refused `image.path.forbidden`,
    `image.source.missing`, `image.path.link`, `image.path.failed`.
    """
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return act_as(uid, path, lambda: os.open(path, flags, mode))


def act_as(uid: int | None, path: str, work: Callable[[], T]) -> T:
    """Do something to the path as that user. Raises as `open_as`."""
    try:
        if uid in (None, os.geteuid()):
            return work()
        return _apart(int(uid or 0), work)
    except ValueError as error:
        # A zero byte, or what is no text in the file system's encoding.
        raise Refused("image.source.missing", f"no file {path!r}") from error
    except OSError as error:
        raise _refusal(error, path) from error


def check_plain(descriptor: int, path: str, code: str, *, devices: bool = False) -> None:
    """Close it and raise Refused for what is no file (nor block device, where those are taken)."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind) or (devices and stat.S_ISBLK(kind)):
        return
    os.close(descriptor)
    what = "a block device, which only the cloud's admin may name" if stat.S_ISBLK(kind) else ""
    raise Refused(code, f"{path!r} is {what or 'not a file'}")


def _apart(uid: int, work: Callable[[], T]) -> T:
    if os.geteuid() != 0:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    found: Future[T] = Future()

    def run() -> None:
        try:
            _become(uid)
            found.set_result(work())
        except OSError as error:
            found.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found.result()


def _become(uid: int) -> None:
    """To the file system alone, and in this thread alone. Raises PermissionError."""
    try:
        entry = pwd.getpwuid(uid)
        group, groups = entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)
    except KeyError:
        group, groups = NOBODY, []
    libc = ctypes.CDLL(None, use_errno=True)
    number = _SETGROUPS.get(os.uname().machine, _SETGROUPS_GENERIC)
    wanted = (ctypes.c_uint32 * len(groups))(*groups)
    if libc.syscall(ctypes.c_long(number), ctypes.c_size_t(len(groups)), wanted) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    libc.setfsgid(ctypes.c_uint32(group))
    libc.setfsuid(ctypes.c_uint32(uid))
    # It gives what was before, and so tells by a second call whether the first was obeyed.
    if libc.setfsuid(ctypes.c_uint32(uid)) != uid:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def _refusal(error: OSError, path: str) -> Refused:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Refused(
            "image.path.forbidden",
            f"{path} is not yours to open; make it readable, or pipe it in",
        )
    if error.errno == errno.ELOOP:
        return Refused("image.path.link", f"{path} is a symbolic link; name the file itself")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Refused("image.source.missing", f"no file {path!r}")
    return Refused("image.path.failed", f"{path}: {error.strerror}")
