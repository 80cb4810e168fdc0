"""Tells at once that flows went from a cloud's bridges: a flow monitor (OpenFlow 1.4, 7.3.5.16).

A switch that was restarted has no flows, and its database need not say so. On the integration
bridge any flow that goes is told of, on the others the canary's end alone: they learn flows that
expire by themselves.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backends.drivers.ovs.flows import CANARY_TABLE
from backends.settings import Settings

# Called when flows went or the bridge did (False), and when the bridge came (True).
Callback = Callable[[bool], None]

_VERSION = 5  # OpenFlow 1.4
_HELLO, _ECHO_REQUEST, _ECHO_REPLY, _REQUEST, _REPLY = 0, 2, 3, 18, 19
_FLOW_MONITOR, _REMOVED, _ANY, _ALL_TABLES = 16, 1 << 2, 0xFFFFFFFF, 0xFF
_EMPTY_MATCH = struct.pack(">HH4x", 1, 4)
_CHUNK = 1 << 16
# Seconds between looks at `stop`, and between attempts to connect.
_PULSE = 0.5


def watch(settings: Settings, callback: Callback, stop: threading.Event) -> None:
    """Call back until `stop` is set. Blocks: give it a thread of its own.

    A bridge that is not there is waited for.
    """
    bridges = [
        _Bridge(settings.ovs_run / f"{settings.bridge}.mgmt", _ALL_TABLES),
        _Bridge(settings.ovs_run / f"{settings.external_bridge}.mgmt", CANARY_TABLE),
        _Bridge(settings.ovs_run / f"{settings.tunnel_bridge}.mgmt", CANARY_TABLE),
    ]
    with selectors.DefaultSelector() as selector:
        try:
            while not stop.is_set():
                for bridge in bridges:
                    if bridge.connect(selector):
                        callback(True)
                if not selector.get_map():
                    stop.wait(_PULSE)
                    continue
                heard = [key.data.hear(selector) for key, _ in selector.select(_PULSE)]
                if any(heard):
                    callback(False)
        finally:
            for bridge in bridges:
                bridge.close(selector)


@dataclass(slots=True)
class _Bridge:
    """One bridge's management socket, and what of its last message has not come yet."""

    path: Path
    table: int
    opened: socket.socket | None = None
    rest: bytes = field(default=b"", repr=False)

    def connect(self, selector: selectors.BaseSelector) -> bool:
        """Ask to be told, where that was not done yet; whether it was done now."""
        if self.opened is not None:
            return False
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.settimeout(_PULSE)
        try:
            opened.connect(str(self.path))
            opened.sendall(_message(_HELLO, b"") + _message(_REQUEST, _monitor(self.table)))
        except OSError:
            opened.close()
            return False
        self.opened, self.rest = opened, b""
        selector.register(opened, selectors.EVENT_READ, self)
        return True

    def hear(self, selector: selectors.BaseSelector) -> bool:
        """Read what came; whether it says that flows went, or the bridge itself."""
        assert self.opened is not None
        try:
            data = self.opened.recv(_CHUNK)
            lost = self._read(data)
        except OSError:
            data, lost = b"", True
        if not data:
            self.close(selector)
            return True
        return lost

    def close(self, selector: selectors.BaseSelector) -> None:
        if self.opened is not None:
            selector.unregister(self.opened)
            self.opened.close()
            self.opened = None

    def _read(self, data: bytes) -> bool:
        assert self.opened is not None
        buffer, lost = self.rest + data, False
        while len(buffer) >= 8:
            _, kind, length, number = struct.unpack_from(">BBHI", buffer)
            if len(buffer) < length:
                break
            body, buffer = buffer[8:length], buffer[length:]
            if kind == _ECHO_REQUEST:
                self.opened.sendall(_message(_ECHO_REPLY, body, number))
            # The answer to the request itself says nothing: no flow is asked for at first.
            lost = lost or (kind == _REPLY and len(body) > 8)
        self.rest = buffer
        return lost


def _monitor(table: int) -> bytes:
    """The request: whatever goes from the table, whoever took it."""
    head = struct.pack(">HH4x", _FLOW_MONITOR, 0)
    return head + struct.pack(">IIIHBB", 1, _ANY, _ANY, _REMOVED, table, 0) + _EMPTY_MATCH


def _message(kind: int, body: bytes, number: int = 1) -> bytes:
    return struct.pack(">BBHI", _VERSION, kind, 8 + len(body), number) + body
