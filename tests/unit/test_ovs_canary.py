"""A flow monitor's messages: what is told, what is answered, and what is waited for."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.drivers.ovs import canary
from tests.sample_records import SETTINGS

PATIENCE = 10.0
HELLO, ECHO, ANSWER, REQUEST, REPLY = 0, 2, 3, 18, 19
FLOW_MONITOR = 16


class Bridge:
    """The other end: a bridge's management socket."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE)

    def accept(self) -> None:
        self.talk, _ = self._listener.accept()
        self.talk.settimeout(PATIENCE)

    def heard(self) -> tuple[int, bytes]:
        version, kind, length, _ = struct.unpack(">BBHI", self._exactly(8))
        assert version == 5
        return kind, self._exactly(length - 8)

    def say(self, kind: int, body: bytes) -> None:
        self.talk.sendall(struct.pack(">BBHI", 5, kind, 8 + len(body), 7) + body)

    def close(self) -> None:
        self._listener.close()

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += self.talk.recv(size - len(found))
        return found


@pytest.fixture
def told(tmp_path: Path) -> Iterator[queue.Queue[bool]]:
    """What a watch of the sample's bridges says."""
    said: queue.Queue[bool] = queue.Queue()
    stop = threading.Event()
    settings = replace(SETTINGS, ovs_run=tmp_path)
    thread = threading.Thread(target=canary.watch, args=(settings, said.put, stop))
    thread.start()
    yield said
    stop.set()
    thread.join()


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    found = Bridge(tmp_path / f"{SETTINGS.bridge}.mgmt")
    yield found
    found.close()


def test_flows_that_go_and_a_bridge_that_goes_are_told(
    told: queue.Queue[bool], bridge: Bridge
) -> None:
    bridge.accept()
    assert told.get(timeout=PATIENCE) is True
    assert bridge.heard() == (HELLO, b"")
    kind, body = bridge.heard()
    assert (kind, struct.unpack(">H", body[:2])[0]) == (REQUEST, FLOW_MONITOR)
    # All tables, removals alone (TS-020, 7.3.5.16).
    assert struct.unpack(">HBB", body[20:24]) == (4, 0xFF, 0)
    # An answer without an update says nothing; a question whether it lives is answered.
    bridge.say(REPLY, struct.pack(">HH4x", FLOW_MONITOR, 0))
    bridge.say(ECHO, b"there?")
    assert bridge.heard() == (ANSWER, b"there?")
    assert told.empty()
    bridge.say(REPLY, struct.pack(">HH4xHH4x", FLOW_MONITOR, 0, 8, 2))
    assert told.get(timeout=PATIENCE) is False
    bridge.talk.close()
    assert told.get(timeout=PATIENCE) is False
    bridge.accept()
    assert told.get(timeout=PATIENCE) is True
    bridge.talk.close()


def test_a_message_may_come_in_parts(told: queue.Queue[bool], bridge: Bridge) -> None:
    bridge.accept()
    assert told.get(timeout=PATIENCE) is True
    bridge.heard()
    bridge.heard()
    message = struct.pack(">BBHI", 5, ECHO, 10, 7) + b"ab"
    bridge.talk.sendall(message[:5])
    bridge.talk.sendall(message[5:])
    assert bridge.heard() == (ANSWER, b"ab")
    assert told.empty()
    bridge.talk.close()
