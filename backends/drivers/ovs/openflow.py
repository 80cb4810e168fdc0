"""A bridge's flows with their counters, read by OpenFlow 1.4 (TS-020) on its management socket."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from backends.drivers.ovs.control import RUN
from backends.errors import MachineFailed

if TYPE_CHECKING:
    from backends.drivers.ovs.flow_table import FlowTable

_VERSION = 5  # OpenFlow 1.4
_HELLO, _ERROR, _ECHO_REQUEST, _ECHO_REPLY, _REQUEST, _REPLY = 0, 1, 2, 3, 18, 19
_FLOW = 1
_MORE = 1
_ALL_TABLES, _ANY = 0xFF, 0xFFFFFFFF
_CHUNK = 1 << 18
_EMPTY_MATCH = struct.pack(">HH4x", 1, 4)


def read_flows(
    bridge: str, *, table: int | None = None, run: Path = RUN, timeout: float = 30.0
) -> FlowTable:
    """The flows of a bridge, of one table where it is given; `timeout` in seconds for each part.

    Raises MachineFailed `ovs.switch.unreachable`.
    """
    from backends.drivers.ovs.flow_table import FlowTable

    body = struct.pack(">B3xII4xQQ", _ALL_TABLES if table is None else table, _ANY, _ANY, 0, 0)
    request = struct.pack(">HH4x", _FLOW, 0) + body + _EMPTY_MATCH
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
            opened.settimeout(timeout)
            opened.connect(str(run / f"{bridge}.mgmt"))
            opened.sendall(_message(_HELLO, b"") + _message(_REQUEST, request))
            raw, parts = _receive(opened)
    except (OSError, ValueError) as error:
        raise MachineFailed(
            "ovs.switch.unreachable",
            f"bridge {bridge} does not tell its flows ({error}); see that ovs-vswitchd runs",
        ) from None
    return FlowTable(raw, parts)


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBHI", _VERSION, kind, 8 + len(body), 1) + body


def _receive(opened: socket.socket) -> tuple[bytes, list[tuple[int, int]]]:
    """All that came until the last part of the reply, and where in it the parts' flows are.

    Raises ValueError where the bridge refuses or goes away.
    """
    buffer = bytearray(_CHUNK)
    filled = at = 0
    parts: list[tuple[int, int]] = []
    while True:
        if len(buffer) - filled < _CHUNK:
            buffer.extend(bytes(len(buffer)))
        got = opened.recv_into(memoryview(buffer)[filled:], _CHUNK)
        if not got:
            raise ValueError("it closed the connection")
        filled += got
        while filled - at >= 16:
            _, kind, length, number = struct.unpack_from(">BBHI", buffer, at)
            if filled - at < length:
                break
            if kind == _ERROR:
                raise ValueError(f"OpenFlow error {buffer[at + 8 : at + 12].hex()}")
            if kind == _ECHO_REQUEST:
                reply = bytes(buffer[at + 8 : at + length])
                opened.sendall(struct.pack(">BBHI", _VERSION, _ECHO_REPLY, length, number) + reply)
            if kind == _REPLY:
                parts.append((at + 16, at + length))
                if not buffer[at + 11] & _MORE:
                    return bytes(memoryview(buffer)[:filled]), parts
            at += length
