"""A private sshd on loopback, with keys of its own."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from backends.hosts.link import Address
from tests.real.lab import eventually

_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
PasswordAuthentication no
UsePAM no
MaxSessions 10
"""


class SshServer:
    """One server; `address` is how it is reached by who holds its user's key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        for name in ("host", "user", "other"):
            _keygen(folder / name)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        (folder / "config").write_text(_CONFIG.format(port=self.port, folder=folder))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", "root", self.key("user"), self.public("host"), self.port)

    def key(self, name: str) -> Path:
        """A private key's file: `host`, `user`, and `other`, which nobody knows."""
        return self._folder / name

    def public(self, name: str) -> str:
        return (self._folder / f"{name}.pub").read_text()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(self._folder / "config")],
            stderr=(self._folder / "log").open("ab"),
        )
        eventually(self._answers, "sshd listens")

    def stop(self) -> None:
        """End it; sessions that are open go on, as with any sshd."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _keygen(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)],
        check=True,
    )
