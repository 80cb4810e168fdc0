"""A libvirtd of a test's own, which it may kill: own sockets, own domains, own folders.

Run as a program inside a fresh mount name space it puts those folders in place of the system's
and becomes virtlogd, whose name space libvirtd then joins.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.real.lab import DEADLINE, eventually

_SYSTEM = {
    "etc": Path("/etc/libvirt"),
    "lib": Path("/var/lib/libvirt"),
    "run": Path("/run/libvirt"),
    "cache": Path("/var/cache/libvirt"),
    "log": Path("/var/log/libvirt"),
}


class Daemon:
    """Starts with virtlogd alone; `start` and `kill` are libvirtd's."""

    def __init__(self) -> None:
        self._log: subprocess.Popen[bytes] | None = None
        self._libvirtd: subprocess.Popen[bytes] | None = None
        self._helpers: list[psutil.Process] = []
        # A socket's path has at most 107 bytes (unix(7)), so not below pytest's folders.
        self.folder = Path(tempfile.mkdtemp(prefix="qdlv"))
        self.folder.chmod(0o711)
        for name in _SYSTEM:
            (self.folder / name).mkdir(mode=0o711)
        for file in ("libvirtd.conf", "qemu.conf", "virtlogd.conf"):
            if (_SYSTEM["etc"] / file).exists():
                shutil.copy2(_SYSTEM["etc"] / file, self.folder / "etc")
        # What QEMU can do was found out already; asking again takes seconds.
        shutil.copytree(_SYSTEM["cache"], self.folder / "cache", dirs_exist_ok=True)

    def open(self) -> None:
        """Run virtlogd, whose name space libvirtd will share."""
        inside = (sys.executable, "-m", "tests.real.limits.daemon", str(self.folder))
        self._log = subprocess.Popen(["unshare", "--mount", "--propagation", "private", *inside])
        eventually(self._virtlogd_socket.is_socket, "virtlogd's socket")

    @property
    def uri(self) -> str:
        return f"qemu:///system?socket={self._socket}"

    @property
    def _socket(self) -> Path:
        return self.folder / "run" / "libvirt-sock"

    @property
    def _virtlogd_socket(self) -> Path:
        return self.folder / "run" / "virtlogd-sock"

    def start(self) -> None:
        """Run libvirtd; returns once it answers.

        An ovs-vsctl that the one before had begun may still plug a port: it is waited for, as an
        init system's restart takes longer than that too.
        """
        assert self._log is not None
        psutil.wait_procs(self._helpers, timeout=DEADLINE)
        self._socket.unlink(missing_ok=True)
        name_space = ("nsenter", "--mount", "--target", str(self._log.pid))
        program = ("libvirtd", "--pid-file", "/run/libvirt/libvirtd.pid")
        self._libvirtd = subprocess.Popen([*name_space, *program], stderr=subprocess.DEVNULL)
        ask = ["virsh", "--connect", self.uri, "list"]
        eventually(lambda: subprocess.run(ask, capture_output=True).returncode == 0, "libvirtd")

    def kill(self) -> None:
        """End libvirtd without a warning. The guests go on."""
        assert self._libvirtd is not None
        # Stopped first, so that it begins nothing while we look at what it began.
        self._libvirtd.send_signal(signal.SIGSTOP)
        begun = psutil.Process(self._libvirtd.pid).children(recursive=True)
        self._helpers = [each for each in begun if each.name() == "ovs-vsctl"]
        self._libvirtd.send_signal(signal.SIGKILL)
        self._libvirtd.wait()
        self._libvirtd = None

    def close(self) -> None:
        for process in (self._libvirtd, self._log):
            if process is not None:
                process.terminate()
                process.wait()
        shutil.rmtree(self.folder)


def _become_virtlogd(folder: Path) -> None:
    for name, path in _SYSTEM.items():
        subprocess.run(["mount", "--bind", str(folder / name), str(path)], check=True)
    os.execvp("virtlogd", ["virtlogd", "--pid-file", "/run/libvirt/virtlogd.pid"])


if __name__ == "__main__":
    _become_virtlogd(Path(sys.argv[1]))
