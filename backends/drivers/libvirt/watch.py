"""Domain events as they happen."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backends.drivers.libvirt.connection import close_quietly
from backends.drivers.libvirt.events import open_with_events
from backends.errors import MachineFailed
from backends.settings import Settings

if TYPE_CHECKING:
    import libvirt

# Called with a domain's UUID and what happened to it.
Callback = Callable[[str, str], None]

CONNECTED = "connected"
UNREACHABLE = "unreachable"
_RETRY_SECONDS = 1.0
# virDomainEventType (include/libvirt/libvirt-domain.h).
_LIFECYCLE = (
    "defined",
    "undefined",
    "started",
    "suspended",
    "resumed",
    "stopped",
    "shutdown",
    "pmsuspended",
    "crashed",
)


def watch(settings: Settings, callback: Callback, stop: threading.Event) -> None:
    """Report events of all domains until `stop` is set; blocks, so give it a thread of its own.

    `callback` gets the UUID and a text such as `started`, `stopped`, `reboot`, `device-removed`,
    `metadata`; it runs in libvirt's event thread, so it must be quick and must not call libvirt.
    An empty UUID comes with `connected` (what happened before was not seen: look at everything)
    and `unreachable`; it is tried again every second. Which domains are ours is the caller's to
    know, as it costs a call to find out.
    """
    while not stop.is_set():
        try:
            connection = open_with_events(settings.libvirt_uri, read_only=True)
        except MachineFailed:
            callback("", UNREACHABLE)
            stop.wait(_RETRY_SECONDS)
            continue
        _watch(connection, callback, stop)


def _watch(connection: libvirt.virConnect, callback: Callback, stop: threading.Event) -> None:
    """Until `stop` or the connection breaks."""
    import libvirt

    closed = threading.Event()
    registered = []
    try:
        connection.registerCloseCallback(lambda *_: closed.set(), None)
        for event, handler in _handlers(callback):
            registered.append(connection.domainEventRegisterAny(None, event, handler, None))
        callback("", CONNECTED)
        while not stop.wait(0.2):
            if closed.is_set():
                callback("", UNREACHABLE)
                return
    except libvirt.libvirtError:
        callback("", UNREACHABLE)
        stop.wait(_RETRY_SECONDS)
    finally:
        # On a broken connection there is nothing left to undo.
        with contextlib.suppress(libvirt.libvirtError):
            for each in registered:
                connection.domainEventDeregisterAny(each)
            connection.unregisterCloseCallback()
        close_quietly(connection)


def _handlers(callback: Callback) -> list[tuple[int, Callable[..., None]]]:
    import libvirt

    def lifecycle(_connection: Any, domain: Any, event: int, _detail: int, _opaque: Any) -> None:
        known = 0 <= event < len(_LIFECYCLE)
        callback(domain.UUIDString(), _LIFECYCLE[event] if known else "lifecycle")

    def plain(text: str) -> Callable[..., None]:
        def report(_connection: Any, domain: Any, *_details: Any) -> None:
            callback(domain.UUIDString(), text)

        return report

    return [
        (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
        (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, plain("reboot")),
        (libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR, plain("io-error")),
        (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, plain("device-added")),
        (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, plain("device-removed")),
        (libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, plain("metadata")),
    ]
