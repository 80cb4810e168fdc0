"""Liveness of daemons, and what is done about a KVM that runs no guest."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from backends.errors import Refused
from backends.hosts import LocalHost, Output
from backends.setup import daemons, kvm
from backends.setup.daemons import Daemon

BROKEN = kvm.Verdict(kvm.State.BROKEN, "a guest did not run")


def daemon(folder: Path) -> Daemon:
    return Daemon("it", (folder / "socket",), (folder / "pid",), (), ())


def test_daemon_is_up_when_its_socket_answers_and_its_process_lives(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    assert not daemon(tmp_path).is_up(), "there is no socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert not daemon(tmp_path).is_up(), "nobody listens"
        server.listen()
        assert daemon(tmp_path).is_up()
    assert not daemon(tmp_path).is_up(), "a socket file that was left behind"


@pytest.mark.parametrize("pid", ["", "none", "4194305"])
def test_daemon_is_down_when_its_pid_file_is_stale(tmp_path: Path, pid: str) -> None:
    (tmp_path / "pid").write_text(pid)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        assert not daemon(tmp_path).is_up()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file where /dev/kvm would be, on a machine whose daemons are none of ours."""
    node = tmp_path / "kvm"
    node.touch()
    monkeypatch.setattr(kvm, "NODE", node)
    monkeypatch.setattr(kvm.take_out, "__defaults__", (node,))
    monkeypatch.setattr(kvm, "verdict", lambda **_: BROKEN)
    monkeypatch.setattr(daemons, "DAEMONS", ())
    monkeypatch.setattr(daemons, "LIBVIRTD", daemon(tmp_path))
    monkeypatch.setattr(daemons, "_OURS", tmp_path / "ours")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return node


def test_broken_kvm_is_taken_out_where_nobody_else_keeps_the_machine(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "is_systemd", lambda: False)
    said: list[str] = []
    daemons.ensure_running(said.append, LocalHost())
    assert not node.exists()
    assert len(said) == 1
    assert "to bring it back: mknod" in said[0]


def test_broken_kvm_of_a_users_machine_stays_until_asked(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "is_systemd", lambda: True)
    said: list[str] = []
    daemons.ensure_running(said.append, LocalHost())
    assert node.exists()
    assert "quarterdeck doctor --mend kvm" in said[0]
    daemons.mend_kvm(said.append, LocalHost())
    assert not node.exists()


def test_working_kvm_is_never_taken_out(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable = kvm.Verdict(kvm.State.USABLE, "a guest ran and answered")
    monkeypatch.setattr(kvm, "verdict", lambda **_: usable)
    with pytest.raises(Refused, match=r"setup\.kvm\.usable"):
        daemons.mend_kvm(print, LocalHost())
    assert node.exists()


def test_somebody_elses_libvirtd_is_left_running(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "is_systemd", lambda: False)
    monkeypatch.setattr(Daemon, "is_up", lambda _: True)
    # The pid is right and the start time is not: another process wears the number.
    daemons._OURS.write_text(f"{os.getpid()} 1.00")
    said: list[str] = []
    daemons.ensure_running(said.append, LocalHost())
    assert said[-1].startswith("libvirtd was not started by Quarterdeck")
    assert psutil.pid_exists(os.getpid())


def test_changes_need_root(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "is_systemd", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused, match=r"setup\.root\.needed"):
        daemons.ensure_running(print, LocalHost())
    assert node.exists()


class Witness(LocalHost):
    """A host that starts nothing, and lets the daemon be up after the first command."""

    def __init__(self) -> None:
        super().__init__("witness")
        self.commands: list[tuple[str, ...]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 30.0,
        reads: bool = False,
        check: bool = True,
    ) -> Output:
        self.commands.append(tuple(argv))
        return Output(0, "", "")


@pytest.mark.parametrize(
    ("systemd", "command"),
    [(True, ("systemctl", "start", "it.socket")), (False, ("itd", "-d"))],
)
def test_daemon_that_is_down_is_started_by_what_keeps_the_machine(
    node: Path, monkeypatch: pytest.MonkeyPatch, systemd: bool, command: tuple[str, ...]
) -> None:
    node.unlink()
    host = Witness()
    absent = kvm.Verdict(kvm.State.ABSENT, "there is no node")
    monkeypatch.setattr(kvm, "verdict", lambda **_: absent)
    monkeypatch.setattr(daemons, "is_systemd", lambda: systemd)
    monkeypatch.setattr(daemons, "DAEMONS", (Daemon("it", (), (), ("it.socket",), ("itd", "-d")),))
    monkeypatch.setattr(Daemon, "is_up", lambda _: bool(host.commands))
    said: list[str] = []
    daemons.ensure_running(said.append, host)
    daemons.ensure_running(said.append, host)
    assert host.commands == [command]
    assert said == ["it started"]
