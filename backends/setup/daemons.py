"""Bring up the daemons a cloud stands on: virtlogd, libvirtd and Open vSwitch.

Liveness is what counts: a socket that takes a connection, a pid file whose process is there.
With systemd its units are started; without it, the daemons themselves.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from backends.errors import MachineFailed, QuarterdeckError, Refused
from backends.hosts import Host, LocalHost
from backends.setup import kvm

Report = Callable[[str], None]

_START_SECONDS = 30.0
_POLL_SECONDS = 0.05
_OVS_RUN = Path("/var/run/openvswitch")
_OVS_CTL = "/usr/share/openvswitch/scripts/ovs-ctl"
_OURS = Path("/run/quarterdeck/libvirtd.started")
_LIBVIRTD_PID = Path("/run/libvirtd.pid")


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon: the sockets that answer when it is up, its units, and how to start it bare."""

    name: str
    sockets: tuple[Path, ...]
    pid_files: tuple[Path, ...]
    units: tuple[str, ...]
    command: tuple[str, ...]
    folders: tuple[Path, ...] = ()

    def is_up(self) -> bool:
        """Whether every pid file names a living process and every socket takes a connection."""
        return all(map(_pid_lives, self.pid_files)) and all(map(_answers, self.sockets))


VIRTLOGD = Daemon(
    name="virtlogd",
    sockets=(Path("/run/libvirt/virtlogd-sock"),),
    pid_files=(),
    units=("virtlogd.socket",),
    command=("virtlogd", "-d"),
)
LIBVIRTD = Daemon(
    name="libvirtd",
    sockets=(Path("/run/libvirt/libvirt-sock"),),
    pid_files=(),
    units=("libvirtd.socket", "libvirtd-ro.socket"),
    command=("libvirtd", "-d"),
)
OPEN_VSWITCH = Daemon(
    name="Open vSwitch",
    sockets=(_OVS_RUN / "db.sock",),
    pid_files=(_OVS_RUN / "ovsdb-server.pid", _OVS_RUN / "ovs-vswitchd.pid"),
    units=("openvswitch-switch.service",),
    command=(_OVS_CTL, "start", "--system-id=random"),
    folders=(_OVS_RUN, Path("/etc/openvswitch"), Path("/var/log/openvswitch")),
)
DAEMONS = (VIRTLOGD, LIBVIRTD, OPEN_VSWITCH)


def is_systemd() -> bool:
    """Whether systemd runs this machine (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def ensure_running(report: Report, host: Host | None = None) -> None:
    """Bring up what is down, and nothing else; `report` hears one line for each thing done.

    Raises Refused `setup.root.needed`; MachineFailed `setup.daemon.down` and `host.command.*`.
    """
    here = host or LocalHost()
    _settle_kvm(report, here)
    for daemon in DAEMONS:
        if not daemon.is_up():
            _need_root(f"starting {daemon.name}")
            _start(daemon, here)
            report(f"{daemon.name} started")


def mend_kvm(report: Report, host: Host | None = None) -> None:
    """Take a KVM that does not work out of libvirt's reach, because the operator asked for it.

    Raises Refused `setup.kvm.usable` where a guest runs, `setup.root.needed`.
    """
    found = kvm.verdict(fresh=True)
    if found.state is kvm.State.USABLE:
        raise Refused("setup.kvm.usable", f"KVM works ({found.evidence}); it is left alone")
    if found.state is kvm.State.ABSENT:
        report(f"{found.evidence}: guests are emulated")
        return
    _take_kvm_out(found, report, host or LocalHost())


def _settle_kvm(report: Report, host: Host) -> None:
    found = kvm.verdict()
    if found.state is not kvm.State.BROKEN:
        return
    if is_systemd():
        report(
            f"KVM is there but broken ({found.evidence}), which makes every start of a guest slow;"
            " `quarterdeck doctor --mend kvm` takes it out of libvirt's reach"
        )
        return
    _take_kvm_out(found, report, host)


def _take_kvm_out(found: kvm.Verdict, report: Report, host: Host) -> None:
    _need_root(f"taking {kvm.NODE} out")
    back = kvm.take_out()
    report(f"{kvm.NODE} removed, guests are emulated: {found.evidence}; to bring it back: {back}")
    if not LIBVIRTD.is_up():
        return
    if is_systemd():
        host.run(("systemctl", "restart", "libvirtd.service"), timeout=_START_SECONDS)
    elif not _restart_our_libvirtd(host):
        report("libvirtd was not started by Quarterdeck: restart it, so that it sees this")


def _restart_our_libvirtd(host: Host) -> bool:
    """End the libvirtd that we started, known by pid and start time, and start it afresh."""
    ours = _our_libvirtd()
    if ours is None:
        return False
    ours.terminate()
    with suppress(psutil.TimeoutExpired):
        ours.wait(_START_SECONDS)
    _start(LIBVIRTD, host)
    return True


def _our_libvirtd() -> psutil.Process | None:
    with suppress(OSError, ValueError, psutil.Error):
        pid, started = _OURS.read_text().split()
        process = psutil.Process(int(pid))
        if f"{process.create_time():.2f}" == started:
            return process
    return None


def _remember_libvirtd() -> None:
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(_LIBVIRTD_PID.read_text()))
        _OURS.parent.mkdir(parents=True, exist_ok=True)
        _OURS.write_text(f"{process.pid} {process.create_time():.2f}")


def _start(daemon: Daemon, host: Host) -> None:
    if is_systemd():
        host.run(("systemctl", "start", *daemon.units), timeout=_START_SECONDS)
    else:
        for folder in daemon.folders:
            folder.mkdir(parents=True, exist_ok=True)
        host.run(daemon.command, timeout=_START_SECONDS)
    _wait_until_up(daemon)
    if daemon is LIBVIRTD and not is_systemd():
        _remember_libvirtd()


def _wait_until_up(daemon: Daemon) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not daemon.is_up():
        if time.monotonic() > deadline:
            raise MachineFailed(
                "setup.daemon.down",
                f"{daemon.name} was started and does not answer; see its log in /var/log or"
                " `journalctl`",
            )
        time.sleep(_POLL_SECONDS)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except PermissionError:
            return True  # someone listens, though not for us
        except OSError:
            return False
        return True


def _pid_lives(path: Path) -> bool:
    try:
        return psutil.pid_exists(int(path.read_text()))
    except (OSError, ValueError):
        return False


def _need_root(what: str) -> None:
    if os.geteuid() != 0:
        raise Refused("setup.root.needed", f"{what} needs root; run it with sudo")


def main(argv: Sequence[str] = ()) -> int:
    """`python -m backends.setup.daemons`: bring them up. Returns the exit status."""
    try:
        ensure_running(lambda line: print(f"  {line}", flush=True))
    except QuarterdeckError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
