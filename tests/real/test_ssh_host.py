"""A host over SSH, against a real sshd: what a command is given, says, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from backends.errors import MachineFailed, QuarterdeckError, Refused
from backends.hosts import link
from backends.hosts.link import State
from backends.hosts.ssh import SshHost
from tests.real.lab import eventually
from tests.real.ssh_server import SshServer

HOSTILE = ["a b", "$(id)", "`id`", "'", '"', "\\", "*", "; id", "한글", "-n", "", "a\nb", "~", "#"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    made = SshServer(tmp_path_factory.mktemp("sshd"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def host(server: SshServer) -> Iterator[SshHost]:
    made = SshHost("there", server.address)
    yield made
    made.close()


def code_of(error: pytest.ExceptionInfo[QuarterdeckError]) -> str:
    return error.value.code


def test_arguments_arrive_as_they_were_given(host: SshHost) -> None:
    said = host.run(["printf", "%s\\0", *HOSTILE]).stdout
    assert said.split("\0")[:-1] == HOSTILE


def test_a_command_ends_as_it_does_here(host: SshHost) -> None:
    assert host.run(["test", "-e", "/nowhere"], check=False).status == 1
    with pytest.raises(MachineFailed) as failed:
        host.run(["ls", "/nowhere"])
    assert code_of(failed) == "host.command.failed"
    with pytest.raises(MachineFailed) as missing:
        host.run(["no-such-command"])
    assert code_of(missing) == "host.command.missing"


def test_streams_do_not_wait_for_one_another(host: SshHost) -> None:
    block = os.urandom(1 << 20)
    got = bytearray()
    host.pour(["tee", "/dev/stderr"], 60, (block for _ in range(8)), got.extend)
    assert bytes(got) == block * 8


def test_a_source_that_breaks_says_so_itself(host: SshHost) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise Refused("test.broken", "no more")

    with pytest.raises(Refused) as refused:
        host.pour(["cat"], 60, broken(), lambda chunk: None)
    assert code_of(refused) == "test.broken"


def test_a_command_that_takes_too_long_is_ended_there(host: SshHost) -> None:
    with pytest.raises(MachineFailed) as late:
        host.run(["sleep", "98765"], timeout=0.2)
    assert code_of(late) == "host.command.timeout"
    eventually(lambda: not _running("98765"), "the command is gone")


def test_files_are_written_whole_and_listed(host: SshHost, tmp_path: Path) -> None:
    path = tmp_path / "in side" / "it's"
    assert host.read_text(path) is None
    assert not host.exists(path)
    host.write_text(path, "한글\n$HOME", 0o640)
    assert host.read_text(path) == "한글\n$HOME"
    assert path.stat().st_mode & 0o777 == 0o640
    assert host.list_dir(path.parent) == ["it's"]
    host.write_text(path, "shorter")
    assert path.read_text() == "shorter"
    host.remove(path)
    host.remove(path)
    host.remove_tree(tmp_path / "in side")
    assert host.list_dir(tmp_path) == []
    assert host.list_dir(path) == []


def test_a_read_only_host_runs_only_what_reads(server: SshServer, tmp_path: Path) -> None:
    host = SshHost("there", server.address, read_only=True)
    assert host.run(["echo", "yes"], reads=True).stdout == "yes\n"
    changes = (
        lambda: host.run(["touch", str(tmp_path / "x")]),
        lambda: host.write_text(tmp_path / "x", ""),
        lambda: host.remove(tmp_path),
        lambda: host.make_dir(tmp_path / "y"),
        lambda: host.pour(["tee", str(tmp_path / "x")], 5, [b"x"]),
    )
    for change in changes:
        with pytest.raises(Refused) as refused:
            change()
        assert code_of(refused) == "host.readonly"
    assert list(tmp_path.iterdir()) == []
    host.close()


def test_many_threads_share_one_connection(host: SshHost) -> None:
    said: list[str] = []

    def ask(number: int) -> None:
        said.append(host.run(["echo", str(number)], reads=True).stdout.strip())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said, key=int) == [str(number) for number in range(30)]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [("host_key", "host.key.changed"), ("key_file", "host.login.failed")],
)
def test_who_is_not_known_is_refused(server: SshServer, wrong: str, code: str) -> None:
    value = server.public("other") if wrong == "host_key" else server.key("other")
    host = SshHost("there", replace(server.address, **{wrong: value}))
    with pytest.raises(MachineFailed) as refused:
        host.run(["true"], reads=True)
    assert code_of(refused) == code
    assert host.condition.state is State.DOWN


def test_a_host_that_is_gone_is_told_at_once_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SshServer(tmp_path)
    host = SshHost("there", server.address)
    for _ in range(2):
        with pytest.raises(MachineFailed) as gone:
            host.run(["true"], reads=True)
        assert code_of(gone) == "host.unreachable"
    server.start()
    monkeypatch.setattr(link, "RETRY", 0.0)
    host.run(["true"], reads=True)
    assert host.condition.state is State.UP
    before = host.condition.since
    server.stop()
    host.run(["true"], reads=True)
    assert host.condition.since == before
    host.close()


def test_a_connection_that_breaks_under_a_command_is_an_error(server: SshServer) -> None:
    host = SshHost("there", server.address)
    outcome: list[str] = []

    def wait() -> None:
        try:
            host.run(["sleep", "87654"], timeout=120)
        except MachineFailed as error:
            outcome.append(error.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    eventually(lambda: bool(_running("87654")), "the command runs")
    (command,) = _running("87654")[-1:]
    session = next(each for each in command.parents() if each.name() == "sshd")
    session.send_signal(signal.SIGKILL)
    waiting.join()
    assert outcome == ["host.unreachable"]
    for each in _running("87654"):
        each.kill()


def test_a_scan_shows_the_key(server: SshServer) -> None:
    shown = link.key_text(link.scan("127.0.0.1", server.port))
    assert server.public("host").startswith(shown)


def _running(argument: str) -> list[psutil.Process]:
    """Processes with this argument, the outermost first."""
    return [each for each in psutil.process_iter() if argument in _arguments(each)]


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
