"""A guest's serial line as a stream of bytes, by libvirt's console stream."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from backends.drivers.libvirt import ownership
from backends.drivers.libvirt.connection import failed
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

_CHUNK = 64 * 1024
_WOULD_BLOCK = -2


class Console:
    """An open serial line. Nothing here blocks; all of it may be called from any thread.

    `on_data` gets what the guest sends, and `on_end` is called once when the line has ended: the
    guest stopped, the daemon went, or `close` was called. Both run in libvirt's event thread.
    """

    def __init__(
        self,
        stream: libvirt.virStream,
        on_data: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        import libvirt

        self._stream = stream
        self._on_data = on_data
        self._on_end = on_end
        self._outgoing = bytearray()
        self._ended = False
        self._lock = threading.RLock()
        self._reading = (
            libvirt.VIR_STREAM_EVENT_READABLE
            | libvirt.VIR_STREAM_EVENT_ERROR
            | libvirt.VIR_STREAM_EVENT_HANGUP
        )
        stream.eventAddCallback(self._reading, self._on_event, None)

    @property
    def pending(self) -> int:
        """Bytes written here that the guest's line has not taken yet."""
        return len(self._outgoing)

    def write(self, data: bytes) -> None:
        """Send to the guest, as soon as its line takes it; after the end it goes nowhere."""
        import libvirt

        with self._lock:
            if self._ended:
                return
            self._outgoing += data
            with contextlib.suppress(libvirt.libvirtError):
                self._stream.eventUpdateCallback(self._reading | libvirt.VIR_STREAM_EVENT_WRITABLE)

    def close(self) -> None:
        """Let go of the line. Closing twice is no error."""
        self._end()

    def _on_event(self, _stream: libvirt.virStream, events: int, _opaque: object) -> None:
        import libvirt

        try:
            if events & libvirt.VIR_STREAM_EVENT_READABLE and not self._receive():
                self._end()
                return
            if events & libvirt.VIR_STREAM_EVENT_WRITABLE:
                self._send()
        except libvirt.libvirtError:
            self._end()
            return
        if events & (libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP):
            self._end()

    def _receive(self) -> bool:
        """Pass on one chunk; False at the end."""
        data = self._stream.recv(_CHUNK)
        if data == _WOULD_BLOCK:
            return True
        if not isinstance(data, bytes) or not data:
            return False
        self._on_data(data)
        return True

    def _send(self) -> None:
        with self._lock:
            if self._ended:
                return
            if self._outgoing:
                sent = self._stream.send(bytes(self._outgoing[:_CHUNK]))
                if sent > 0:
                    del self._outgoing[:sent]
            if not self._outgoing:
                self._stream.eventUpdateCallback(self._reading)

    def _end(self) -> None:
        import libvirt

        with self._lock:
            if self._ended:
                return
            self._ended = True
            # The other side may have ended it first.
            with contextlib.suppress(libvirt.libvirtError):
                self._stream.eventRemoveCallback()
            with contextlib.suppress(libvirt.libvirtError):
                self._stream.abort()
        self._on_end()


def open_console(
    connection: libvirt.virConnect,
    instance_id: str,
    cloud: str,
    on_data: Callable[[bytes], None],
    on_end: Callable[[], None],
) -> Console:
    """Open the serial line of this cloud's running domain.

    `connection` must be one of `events.open_with_events`, writable. Nobody is thrown off the line.
    Raises MachineFailed `console.stopped` (it does not run), `console.busy` (somebody reads it
    already), `libvirt.missing`, `libvirt.failed`; Refused `libvirt.foreign`.
    """
    import libvirt

    try:
        domain = ownership.get_own(connection, instance_id, cloud)
        if not domain.isActive():
            raise MachineFailed("console.stopped", f"instance {instance_id} does not run")
        stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_SAFE)
    except libvirt.libvirtError as error:
        if "ctive console session" in str(error):
            raise MachineFailed(
                "console.busy",
                f"another program reads the console of {instance_id}; close it there",
            ) from error
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            raise MachineFailed(
                "console.stopped", f"instance {instance_id} does not run"
            ) from error
        raise failed(error) from error
    return Console(stream, on_data, on_end)
