"""A bridge's flows with their counters, read by OpenFlow 1.4 (TS-020) on its management socket."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from backends.drivers.ovs.ofctl import ask_again
from backends.errors import MachineFailed
from backends.settings import OVS_RUN

if TYPE_CHECKING:
    from backends.drivers.ovs.flow_table import FlowTable

_VERSION = 5  # OpenFlow 1.4
_HELLO, _ERROR, _ECHO_REQUEST, _ECHO_REPLY, _REQUEST, _REPLY = 0, 1, 2, 3, 18, 19
_FLOW, _AGGREGATE = 1, 2
_MORE = 1
_ALL_TABLES, _ANY = 0xFF, 0xFFFFFFFF
_CHUNK = 1 << 18
# Where ofp_flow_stats has the cookie, and what is in its match.
_COOKIE, _MATCH = 24, 52
_EMPTY_MATCH = struct.pack(">HH4x", 1, 4)


def read_flows(
    bridge: str, *, table: int | None = None, run: Path = OVS_RUN, timeout: float = 30.0
) -> FlowTable:
    """The flows of a bridge, of one table where it is given; `timeout` in seconds for each part.

    Raises MachineFailed `ovs.switch.unreachable`.
    """
    from backends.drivers.ovs.flow_table import FlowTable

    return FlowTable(*_exchange(bridge, _FLOW, table, run, timeout))


def read_cookies(bridge: str, table: int, *, run: Path = OVS_RUN) -> list[tuple[int, bytes]]:
    """The cookie and the match (OXM, TS-020 7.2.3) of each flow of a small table.

    Raises MachineFailed `ovs.switch.unreachable`.
    """
    raw, parts = _exchange(bridge, _FLOW, table, run, 30.0)
    found = []
    for begin, end in parts:
        at = begin
        while at < end:
            (length,) = struct.unpack_from(">H", raw, at)
            cookie, size = struct.unpack_from(">Q18xH", raw, at + _COOKIE)
            found.append((cookie, raw[at + _MATCH : at + _MATCH + size - 4]))
            at += length
    return found


def count_flows(bridge: str, *, run: Path = OVS_RUN, zeros: int = 0) -> int:
    """The number of flows of a bridge, of those in whose cookie the bits of `zeros` are not set.

    Raises MachineFailed `ovs.switch.unreachable`.
    """
    raw, parts = _exchange(bridge, _AGGREGATE, None, run, 30.0, zeros)
    (count,) = struct.unpack_from(">16xI", raw, parts[0][0])
    return int(count)


def _exchange(
    bridge: str, kind: int, table: int | None, run: Path, timeout: float, zeros: int = 0
) -> tuple[bytes, list[tuple[int, int]]]:
    """Ask for statistics of flows; what came, and where in it the parts of the reply are."""
    body = struct.pack(">B3xII4xQQ", _ALL_TABLES if table is None else table, _ANY, _ANY, 0, zeros)
    return _request(bridge, kind, body + _EMPTY_MATCH, run, timeout)


def multipart(bridge: str, kind: int, body: bytes, run: Path = OVS_RUN) -> list[bytes]:
    """The parts of the reply to a multipart request. Raises MachineFailed, as `read_flows`."""
    raw, parts = _request(bridge, kind, body, run, 30.0)
    return [raw[begin:end] for begin, end in parts]


def _request(
    bridge: str, kind: int, body: bytes, run: Path, timeout: float
) -> tuple[bytes, list[tuple[int, int]]]:
    request = struct.pack(">HH4x", kind, 0) + body
    try:
        # A question may be put twice.
        return ask_again(lambda: _ask(run / f"{bridge}.mgmt", request, timeout))
    except (OSError, ValueError) as error:
        raise MachineFailed(
            "ovs.switch.unreachable",
            f"bridge {bridge} does not tell its flows ({error}); see that ovs-vswitchd runs",
        ) from None


def _ask(place: Path, request: bytes, timeout: float) -> tuple[bytes, list[tuple[int, int]]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.settimeout(timeout)
        opened.connect(str(place))
        opened.sendall(_message(_HELLO, b"") + _message(_REQUEST, request))
        return _receive(opened)


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBHI", _VERSION, kind, 8 + len(body), 1) + body


def _receive(opened: socket.socket) -> tuple[bytes, list[tuple[int, int]]]:
    """All that came until the last part of the reply, and where in it the parts' flows are.

    Raises ValueError where the bridge refuses, ConnectionResetError where it goes away.
    """
    buffer = bytearray(_CHUNK)
    filled = at = 0
    parts: list[tuple[int, int]] = []
    while True:
        if len(buffer) - filled < _CHUNK:
            buffer.extend(bytes(len(buffer)))
        got = opened.recv_into(memoryview(buffer)[filled:], _CHUNK)
        if not got:
            raise ConnectionResetError("it closed the connection")
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
