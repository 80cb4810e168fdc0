"""libvirt's event loop: one thread a process, started by whoever first needs events.

It must be registered before a connection is opened that shall give events, streams that do not
block, or notice by itself (keepalive) that its daemon is gone.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from backends.drivers.libvirt.connection import failed, open_connection

if TYPE_CHECKING:
    import libvirt

# A daemon that answers none of three questions in 5 s each is given up.
_KEEPALIVE_SECONDS = 5
_KEEPALIVE_COUNT = 3

_lock = threading.Lock()
_started = False


def open_with_events(uri: str, *, read_only: bool) -> libvirt.virConnect:
    """A connection of its own that gives events. Raises MachineFailed `libvirt.unreachable`."""
    _start()
    import libvirt

    connection = open_connection(uri, read_only=read_only)
    try:
        connection.setKeepAlive(_KEEPALIVE_SECONDS, _KEEPALIVE_COUNT)
    except libvirt.libvirtError as error:
        # A driver within this process (`test:`) has no daemon to be kept alive.
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise failed(error) from error
    return connection


def _start() -> None:
    global _started
    import libvirt

    with _lock:
        if not _started:
            libvirt.virEventRegisterDefaultImpl()
            threading.Thread(target=_turn, name="libvirt-events", daemon=True).start()
            _started = True


def _turn() -> None:
    import libvirt

    # Without any timer the loop would sleep through what other threads add to it.
    libvirt.virEventAddTimeout(1000, _nothing, None)
    while True:
        libvirt.virEventRunDefaultImpl()


def _nothing(_timer: int, _opaque: object) -> None:
    """Only wakes the loop."""
