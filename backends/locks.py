"""Locks that the machine holds: free as soon as their holder is gone, however it ended."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from backends.records.unit import Unit

_SUFFIX = ".lock"


class Lock:
    """One lock, in a file that is there only while somebody holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path, mode=0o600, thread_local=False)

    def acquire(self, patience: float = -1) -> bool:
        """Wait for it, at most `patience` seconds (for ever where that is negative)."""
        try:
            self._lock.acquire(timeout=patience)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Let go of it. Whoever waits finds that its file lost its name, and begins anew."""
        self._path.unlink(missing_ok=True)
        self._lock.release()


def operation_lock(locks: Path, operation_id: str) -> Lock:
    """The lock that a living operation holds."""
    return Lock(locks / f"operation-{operation_id}{_SUFFIX}")


def unit_lock(locks: Path, unit: Unit) -> Lock:
    """The lock that whoever converges the unit holds."""
    return Lock(locks / f"{unit.kind.value}-{unit.id}{_SUFFIX}")


def orphans_lock(locks: Path) -> Lock:
    """The lock of whoever takes orphans away, or makes records of them."""
    return Lock(locks / f"orphans{_SUFFIX}")


def is_free(lock: Lock) -> bool:
    """Whether nobody holds it now."""
    if not lock.acquire(patience=0):
        return False
    lock.release()
    return True


def sweep(locks: Path) -> None:
    """Remove the files that killed processes left."""
    for path in locks.glob(f"*{_SUFFIX}"):
        is_free(Lock(path))
