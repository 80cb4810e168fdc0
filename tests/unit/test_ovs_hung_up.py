"""A switch that hangs up on whoever was too slow to greet is asked again."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.drivers.ovs import flows, ofctl, openflow
from backends.errors import MachineFailed
from backends.hosts import LocalHost, Output

BRIDGE = "br-int"
# OpenFlow 1.4: HELLO, and the whole reply to a request for flows: there are none.
ANSWER = struct.pack(">BBHI", 5, 0, 8, 1) + struct.pack(">BBHIHH4x", 5, 19, 16, 1, 1, 0)
REFUSALS = (
    "unix:/run/br-int.mgmt: failed to connect to socket (Connection reset by peer)",
    "connecting to unix:/run/br-int.mgmt (Broken pipe)",
    "unix:/run/br-int.mgmt: failed to connect to socket (End of file)",
)


class Switch:
    """Hangs up on so many, then answers."""

    def __init__(self, run: Path, rude: int) -> None:
        self.met = 0
        self._rude = rude
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(run / f"{BRIDGE}.mgmt"))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            opened, _ = self._server.accept()
            with opened:
                if opened.recv(1, socket.MSG_PEEK) == b"!":
                    return
                self.met += 1
                if self.met > self._rude:
                    opened.sendall(ANSWER)
                    opened.recv(4096)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self._server.getsockname())
            last.sendall(b"!")
        self._thread.join()
        self._server.close()


@pytest.fixture
def switch(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Switch]:
    made = Switch(tmp_path, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("switch", [0, 1, ofctl.TRIES - 1], indirect=True)
def test_a_reader_asks_again(switch: Switch, tmp_path: Path) -> None:
    assert openflow.read_cookies(BRIDGE, 23, run=tmp_path) == []
    assert switch.met == switch._rude + 1


@pytest.mark.parametrize("switch", [100], indirect=True)
def test_a_reader_gives_up(switch: Switch, tmp_path: Path) -> None:
    with pytest.raises(MachineFailed) as error:
        openflow.read_cookies(BRIDGE, 23, run=tmp_path)
    assert error.value.code == "ovs.switch.unreachable"
    assert switch.met == ofctl.TRIES


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Output) -> list[str]:
    """Has commands give these answers in turn; the list of what was written grows."""
    written: list[str] = []
    left = iter(answers)

    def run(_self: LocalHost, _argv: object, *, stdin: str = "", **_more: object) -> Output:
        written.append(stdin)
        return next(left)

    monkeypatch.setattr(LocalHost, "run", run)
    return written


@pytest.mark.parametrize("words", REFUSALS)
def test_a_writer_writes_again(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    hung_up = Output(1, "", f"ovs-ofctl: {words}\n")
    written = answering(monkeypatch, hung_up, hung_up, Output(0, "", ""))
    flows.write(LocalHost(), BRIDGE, "add actions=drop\n")
    assert written == ["add actions=drop\n"] * 3


@pytest.mark.parametrize(
    "words",
    [
        "unix:/run/br-int.mgmt: failed to connect to socket (Connection refused)",
        "OpenFlow receive failed (Connection reset by peer)",  # it may have been done
        "OFPT_ERROR (OF1.4): OFPFMFC_TABLE_FULL",
    ],
)
def test_what_was_refused_is_not_written_again(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    written = answering(monkeypatch, Output(1, "", f"ovs-ofctl: {words}\n"))
    with pytest.raises(MachineFailed) as error:
        flows.write(LocalHost(), BRIDGE, "add actions=drop\n")
    assert error.value.code == "ovs.flows.refused"
    assert len(written) == 1
