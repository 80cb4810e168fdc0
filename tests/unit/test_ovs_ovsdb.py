"""The OVSDB client against a server that says what a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.drivers.ovs.driver import OvsDriver
from backends.drivers.ovs.ovsdb import DatabaseRefused, Ovsdb, atoms, mapping, row_ids
from backends.drivers.ovs.steps import AddBridge
from backends.drivers.ovs.watch import watch
from backends.errors import MachineFailed
from backends.hosts import LocalHost
from backends.settings import Settings

Serve = Callable[[socket.socket], None]


@contextmanager
def server(path: Path, *serves: Serve) -> Iterator[Ovsdb]:
    """A server that treats one connection after the other as `serves` do."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            for serve in serves:
                peer, _ = listener.accept()
                with peer:
                    serve(peer)

        thread = threading.Thread(target=accept)
        thread.start()
        yield Ovsdb(path.parent, timeout=5.0)
        thread.join(10)


def _message(peer: socket.socket) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(peer.recv(1 << 16))
    return message


def _answer(peer: socket.socket, message: dict[str, Any]) -> None:
    peer.sendall(json.dumps(message).encode())


def _with(results: list[Any]) -> Serve:
    def serve(peer: socket.socket) -> None:
        _answer(peer, {"id": _message(peer)["id"], "result": results, "error": None})

    return serve


def test_results_come_back_in_order(tmp_path: Path) -> None:
    with server(tmp_path / "db.sock", _with([{"count": 1}, None, {"rows": []}])) as database:
        assert database.transact([{"op": "select"}]) == [{"count": 1}, {}, {"rows": []}]


def test_an_echo_is_answered_and_notifications_are_passed_over(tmp_path: Path) -> None:
    answers: list[dict[str, Any]] = []

    def serve(peer: socket.socket) -> None:
        asked = _message(peer)
        echo = json.dumps({"id": "echo", "method": "echo", "params": ["x"]})
        update = json.dumps({"id": None, "method": "update", "params": []})
        peer.sendall((echo + update).encode())
        answers.append(_message(peer))
        _answer(peer, {"id": asked["id"], "result": [{"count": 2}], "error": None})

    with server(tmp_path / "db.sock", serve) as database:
        assert database.transact([]) == [{"count": 2}]
    assert answers == [{"id": "echo", "result": ["x"], "error": None}]


def test_a_message_cut_anywhere_is_put_together(tmp_path: Path) -> None:
    def serve(peer: socket.socket) -> None:
        text = json.dumps(
            {"id": _message(peer)["id"], "result": [{"rows": [{"name": "한글{}"}]}], "error": None},
            ensure_ascii=False,
        )
        for octet in text.encode():
            peer.sendall(bytes([octet]))

    with server(tmp_path / "db.sock", serve) as database:
        assert database.transact([]) == [{"rows": [{"name": "한글{}"}]}]


def test_a_refusal_carries_the_servers_words(tmp_path: Path) -> None:
    results = [{"count": 1}, {"error": "constraint violation", "details": "no such column"}, None]
    with (
        server(tmp_path / "db.sock", _with(results)) as database,
        pytest.raises(DatabaseRefused, match="no such column") as refused,
    ):
        database.transact([])
    assert (refused.value.code, refused.value.kind) == ("ovs.refused", "constraint violation")


def test_no_server_and_a_server_that_goes_away_are_unreachable(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed, match="start Open vSwitch") as nobody:
        Ovsdb(tmp_path / "none").transact([])
    assert nobody.value.code == "ovs.unreachable"
    with (
        server(tmp_path / "db.sock", lambda peer: None) as database,
        pytest.raises(MachineFailed) as gone,
    ):
        database.transact([])
    assert gone.value.code == "ovs.unreachable"


def test_a_server_that_says_nothing_is_unreachable_in_time(tmp_path: Path) -> None:
    done = threading.Event()

    def serve(peer: socket.socket) -> None:
        done.wait(10)

    with server(tmp_path / "db.sock", serve) as database:
        with pytest.raises(MachineFailed, match="in time") as silent:
            database.connect().transact([], timeout=0.05)
        done.set()
    assert silent.value.code == "ovs.unreachable"


def test_sets_maps_and_references_off_the_wire() -> None:
    assert atoms(5) == [5]
    assert atoms(["set", [1, 2]]) == [1, 2]
    assert atoms(["set", []]) == []
    assert mapping(["map", [["a", "b"]]]) == {"a": "b"}
    assert row_ids(["uuid", "u"]) == ["u"]
    assert row_ids(["set", [["uuid", "u"], ["uuid", "v"]]]) == ["u", "v"]


def test_a_switch_that_does_not_follow_is_told(tmp_path: Path) -> None:
    def stuck(peer: socket.socket) -> None:
        changed = _message(peer)
        results: list[Any] = [{}] * (len(changed["params"]) - 2) + [{"rows": [{"next_cfg": 8}]}]
        _answer(peer, {"id": changed["id"], "result": results, "error": None})
        wait = _message(peer)
        assert wait["params"][1]["where"] == [["cur_cfg", ">=", 8]]
        refusal = [{"error": "timed out", "details": "wait timed out"}]
        _answer(peer, {"id": wait["id"], "result": refusal, "error": None})

    settings = Settings("c", tmp_path, tmp_path, "here")
    no_bridge = _with([{"rows": []}])
    with server(tmp_path / "db.sock", no_bridge, stuck) as database:
        driver = OvsDriver(settings, LocalHost(), database)
        with pytest.raises(MachineFailed) as failed:
            driver.apply(AddBridge("br-x", "netdev", (("quarterdeck-cloud", "c"),)), print)
    assert failed.value.code == "ovs.switch.stuck"


def test_a_watch_connects_again_and_says_so(tmp_path: Path) -> None:
    seen: list[frozenset[str]] = []
    stop = threading.Event()

    def monitored(peer: socket.socket) -> None:
        _answer(peer, {"id": _message(peer)["id"], "result": {}, "error": None})
        row = {"name": f"tap{len(seen)}", "external_ids": ["map", []]}
        update = {"Interface": {"u": {"new": row}}}
        _answer(peer, {"id": None, "method": "update", "params": [None, update]})

    def note(names: frozenset[str]) -> None:
        seen.append(names)
        if len(seen) == 4:
            stop.set()

    with server(tmp_path / "db.sock", monitored, monitored) as database:
        watch(Settings("c", tmp_path, tmp_path, "here"), note, stop, database)
    assert [bool(names) for names in seen] == [False, True, False, True]
