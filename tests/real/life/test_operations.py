"""Operations at work: cancelled, late, at once, resumed; and who waits for whom."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.cloud import Cloud
from backends.errors import Cancelled, QuarterdeckError, Refused
from backends.locks import unit_lock
from backends.records.operation import Outcome
from backends.records.unit import Kind, Unit
from tests.real.lab import Lab, eventually
from tests.real.life.scripts import INSTANCE, NETWORK, SCRIPTS
from tests.real.life.test_crash import crasher

_ROOT = Path(__file__).parents[3]
_MOST = 256 << 20  # bytes that the slow server says it has


class SlowServer(http.server.ThreadingHTTPServer):
    """Sends the beginning of an image, and the rest only when it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Slowly)
        self.go_on = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/image"


class _Slowly(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        self.send_response(200)
        self.send_header("Content-Length", str(_MOST))
        self.end_headers()
        try:
            while not server.go_on.wait(0.02):
                self.wfile.write(bytes(1 << 20))
        except OSError:
            return

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[SlowServer]:
    with SlowServer() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.go_on.set()
        found.shutdown()
        thread.join(10)


@contextmanager
def begun(cloud: Cloud, verb: Callable[[], object]) -> Iterator[tuple[str, list[BaseException]]]:
    """A verb at work in a thread: its operation's id, and what it raised once it ended."""
    ids: list[str] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            with cloud.context.on_start(ids.append):
                verb()
        except QuarterdeckError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        eventually(lambda: ids, "the operation's begin")
        yield ids[0], raised
    finally:
        thread.join(60)
        assert not thread.is_alive()


def test_an_import_that_is_cancelled_leaves_nothing(lab: Lab, server: SlowServer) -> None:
    cloud, other = lab.cloud, lab.open()
    before = lab.shape()
    importing = begun(cloud, lambda: cloud.images.create("long", server.url, disk_format="raw"))
    with importing as (operation, raised):
        eventually(lambda: other.operations.show(operation)[0].progress, "progress")
        assert [row.id for row in other.operations.list(running=True)] == [operation]
        other.operations.cancel(operation)
    assert isinstance(raised[0], Cancelled)
    assert other.operations.show(operation)[0].outcome is Outcome.CANCELLED
    assert lab.shape() == before
    lab.assert_in_order()
    with pytest.raises(Refused) as refused:
        other.operations.cancel(operation)
    assert refused.value.code == "operation.ended"


def test_an_import_whose_process_dies_after_it_was_cancelled_is_undone(
    lab: Lab, server: SlowServer
) -> None:
    before = lab.shape()
    child = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys; from backends.cloud import *;"
            " Cloud.open(Access(cloud=sys.argv[1])).images.create('long', sys.argv[2],"
            " disk_format='raw')",
            *(lab.name, server.url),
        ],
        cwd=_ROOT,
    )
    eventually(lambda: lab.cloud.operations.list(running=True)[:1], "the import's begin")
    operation = lab.cloud.operations.list(running=True)[0].id
    eventually(lambda: lab.cloud.operations.show(operation)[0].progress, "progress")
    os.kill(child.pid, signal.SIGSTOP)
    lab.cloud.operations.cancel(operation)
    child.kill()
    child.wait(10)
    assert lab.cloud.operations.list(limit=1)[0].outcome is Outcome.INTERRUPTED
    assert [row.id for row in lab.cloud.drift.recover()] == [operation]
    assert lab.cloud.operations.show(operation)[0].outcome is Outcome.CANCELLED
    assert lab.shape() == before
    lab.assert_in_order()


def test_what_takes_too_long_is_undone(
    lab: Lab, server: SlowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lab.shape()
    monkeypatch.setattr("backends.services.image._IMPORT_DEADLINE", 1.0)
    with pytest.raises(Refused) as late:
        lab.cloud.images.create("late", server.url, disk_format="raw")
    assert late.value.code == "operation.deadline"
    assert lab.cloud.operations.list(limit=1)[0].outcome is Outcome.UNDONE
    assert lab.shape() == before


def test_one_works_and_the_other_waits(lab: Lab) -> None:
    SCRIPTS["launch"](lab.cloud)
    instance = lab.cloud.instances.show(INSTANCE).id
    lock = unit_lock(lab.cloud.settings.locks, Unit(Kind.INSTANCE, instance))
    other = lab.open()
    assert lock.acquire(patience=0)
    with begun(other, lambda: other.instances.pause(INSTANCE)) as (operation, raised):
        # A second verb of a third party is refused nothing meanwhile; a look does not wait.
        assert lab.cloud.operations.show(operation)[0].outcome is Outcome.RUNNING
        assert lab.cloud.instances.row(INSTANCE).status == "ACTIVE"
        assert other.operations.show(operation)[1] == []
        lock.release()
    assert raised == []
    assert lab.cloud.instances.row(INSTANCE).status == "PAUSED"
    lab.assert_in_order()


def test_two_processes_that_repair_the_same_do_it_once(lab: Lab) -> None:
    SCRIPTS["launch"](lab.cloud)
    instance = lab.cloud.instances.show(INSTANCE)
    lab.cloud.machine.libvirt.connection().lookupByUUIDString(instance.id).destroy()
    script = (
        "import sys; from backends.cloud import *;"
        " Cloud.open(Access(cloud=sys.argv[1])).drift.repair()"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, lab.name], cwd=_ROOT) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    lab.assert_in_order()
    done = [
        step.text
        for operation in lab.cloud.operations.list()
        if operation.verb == "repair"
        for step in lab.cloud.operations.show(operation.id)[1]
    ]
    assert len([text for text in done if text.startswith("start domain")]) == 1


def test_launches_at_once_get_addresses_and_names_of_their_own(lab: Lab) -> None:
    Lab.network(lab.cloud, NETWORK)
    threads = [
        threading.Thread(target=Lab.launch, args=(lab.open(), f"box{number}", NETWORK))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    rows = lab.cloud.instances.list()
    assert [row.status for row in rows] == ["ACTIVE"] * 4
    assert len({row.addresses for row in rows}) == 4
    lab.assert_in_order()


def test_what_is_interrupted_is_told_and_finished_by_the_next_start(lab: Lab) -> None:
    points = crasher(lab, "launch").stdout.splitlines()
    SCRIPTS["delete"](lab.cloud)
    point = next(n for n, each in enumerate(points) if each.startswith("before step define"))
    crasher(lab, "launch", str(point))
    (row,) = lab.cloud.operations.list(running=True)
    assert (row.verb, row.outcome) == ("instance.create", Outcome.INTERRUPTED)
    (recovered,) = lab.reopen().drift.recover()
    assert recovered.id == row.id
    found, steps = lab.cloud.operations.show(row.id)
    assert found.outcome is Outcome.DONE
    assert Outcome.INTERRUPTED in {step.outcome for step in steps}
    assert lab.cloud.instances.row(INSTANCE).status == "ACTIVE"
    assert lab.cloud.drift.recover() == []
