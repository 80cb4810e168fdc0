"""Where the viewers of a guest's console meet: a lock and a socket under the cloud's run folder.

Whoever holds the lock reads the console and serves the socket. The kernel frees the lock when its
process dies, so that another can take over; there is no daemon.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from backends.settings import Settings


def folder(settings: Settings) -> Path:
    """The folder of locks and sockets, for root alone; made by who takes the lock."""
    return settings.run / "consoles"


def try_lock(settings: Settings, instance_id: str) -> int | None:
    """A descriptor that holds the guest's console, or None where somebody else does."""
    folder(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder(settings) / f"{instance_id}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return None
        raise
    if os.fstat(descriptor).st_nlink == 0:
        # Its holder has just let go of it: the name is free for another file.
        os.close(descriptor)
        return None
    return descriptor


def listen(settings: Settings, instance_id: str) -> socket.socket:
    """The socket that viewers connect to; only for the lock's holder."""
    (folder(settings) / f"{instance_id}.sock").unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _address(settings, instance_id) as address:
        listener.bind(address)
        os.chmod(address, 0o600)
    listener.listen()
    listener.setblocking(False)
    return listener


def connect(settings: Settings, instance_id: str) -> socket.socket | None:
    """A connection to the guest's sharer, or None where there is none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(settings, instance_id) as address:
            sock.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        sock.close()
        return None
    return sock


def forget(settings: Settings, instance_id: str) -> None:
    """Remove the socket; only for the lock's holder."""
    (folder(settings) / f"{instance_id}.sock").unlink(missing_ok=True)


def unlock(settings: Settings, instance_id: str, lock: int) -> None:
    """Let go of the console, once it is closed. The lock's file goes with its holder."""
    (folder(settings) / f"{instance_id}.lock").unlink(missing_ok=True)
    os.close(lock)


@contextlib.contextmanager
def _address(settings: Settings, instance_id: str) -> Iterator[str]:
    """The socket's address by way of an open folder: a path may not pass 107 bytes (unix(7))."""
    descriptor = os.open(folder(settings), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{instance_id}.sock"
    finally:
        os.close(descriptor)
