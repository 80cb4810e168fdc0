"""The kept connection to libvirt: opened when first needed, reopened when it broke.

The binding is imported late, as most commands never need it, and every call has a deadline, as a
daemon that hangs must not hang us.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")

DEADLINE = 60.0


class Connection:
    """One connection to the daemon at `uri`, safe to use from any thread."""

    def __init__(self, uri: str, *, read_only: bool = False) -> None:
        self.uri = uri
        self.read_only = read_only
        self._lock = threading.Lock()
        self._open: libvirt.virConnect | None = None

    def call(self, work: Callable[[libvirt.virConnect], T], deadline: float = DEADLINE) -> T:
        """Give `work` the connection and return what it returns, within `deadline` seconds.

        Work that met a connection that had broken since the last call is done once more on a new
        one, so it must be idempotent. Raises MachineFailed `libvirt.unreachable` (no daemon, or
        no answer in time) and `libvirt.failed` (it will not do it).
        """
        try:
            return _within(deadline, lambda: self._attempt(work))
        except TimeoutError:
            self._forget()
            raise MachineFailed(
                "libvirt.unreachable",
                f"libvirt gave no answer within {deadline:g} s; restart libvirtd and try again",
            ) from None

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        connection = self._forget()
        if connection is not None:
            close_quietly(connection)

    def _attempt(self, work: Callable[[libvirt.virConnect], T]) -> T:
        from libvirt import libvirtError

        kept = self._open is not None
        connection = self._connection()
        try:
            return work(connection)
        except libvirtError as error:
            if connection.isAlive():
                raise failed(error) from error
            self._forget(connection)
            if not kept:
                raise _unreachable(self.uri, error) from error
        return self._attempt(work)

    def _connection(self) -> libvirt.virConnect:
        with self._lock:
            if self._open is None:
                self._open = open_connection(self.uri, read_only=self.read_only)
            return self._open

    def _forget(self, broken: libvirt.virConnect | None = None) -> libvirt.virConnect | None:
        """Let go of the kept connection (only of `broken`, where it is given)."""
        with self._lock:
            connection = self._open
            if broken is None or connection is broken:
                self._open = None
            return connection


def open_connection(uri: str, *, read_only: bool) -> libvirt.virConnect:
    """A new connection. Raises MachineFailed `libvirt.unreachable`."""
    import libvirt

    # The default handler prints every error; ours reach the person as exceptions.
    libvirt.registerErrorHandler(_silent, None)
    try:
        return libvirt.openReadOnly(uri) if read_only else libvirt.open(uri)
    except libvirt.libvirtError as error:
        raise _unreachable(uri, error) from error


def close_quietly(connection: libvirt.virConnect) -> None:
    """Close a connection that may have broken already."""
    import libvirt

    with contextlib.suppress(libvirt.libvirtError):
        connection.close()


def failed(error: libvirt.libvirtError) -> MachineFailed:
    """libvirt's refusal as one of our errors."""
    return MachineFailed("libvirt.failed", f"libvirt: {error.get_error_message() or error}")


def _unreachable(uri: str, error: libvirt.libvirtError) -> MachineFailed:
    return MachineFailed(
        "libvirt.unreachable",
        f"libvirt at {uri} does not answer ({error.get_error_message() or error}); "
        "start libvirtd and try again",
    )


def _silent(_context: object, _error: object) -> None:
    """Print nothing."""


class _Outcome(Generic[T]):
    """What a call came to, handed from the thread that made it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own. Raises TimeoutError; the thread is then left behind."""
    outcome: _Outcome[T] = _Outcome()

    def run() -> None:
        try:
            outcome.value = work()
        except Exception as error:  # handed to the caller, whatever it is
            outcome.error = error
        outcome.done.set()

    threading.Thread(target=run, name="libvirt-call", daemon=True).start()
    if not outcome.done.wait(seconds):
        raise TimeoutError
    if outcome.error is not None:
        raise outcome.error
    result: T = outcome.value
    return result
