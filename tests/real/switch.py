"""A test's own Open vSwitch: restarted, killed and emptied at will, the machine's own untouched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.real.lab import eventually

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_QUIET = ("-vconsole:off", "-vsyslog:off", "-vfile:info")


class Switch:
    """ovsdb-server and ovs-vswitchd (userspace datapath) with their sockets in `run`.

    Inside a network namespace where one is named: its ports are made there, and tunnels go by its
    routes. `Access(ovs_run=switch.run)` has Quarterdeck use it. Both are children of this process,
    ended by their ids.
    """

    def __init__(self, namespace: str = "") -> None:
        self.run = Path(tempfile.mkdtemp(prefix="quarterdeck-ovs-"))
        self.namespace = namespace
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Both daemons, whichever is not up; they keep what the database has."""
        if not (self.run / "conf.db").exists():
            self._make_database()
        if not self._is_up("ovsdb-server"):
            self._start("ovsdb-server", str(self.run / "conf.db"), f"--remote=punix:{self._socket}")
            eventually(self._socket.exists, "the database's socket", 20)
            self.ctl("--no-wait", "init")
        if not self._is_up("ovs-vswitchd"):
            self._start("ovs-vswitchd", f"unix:{self._socket}")
            eventually((self.run / "ovs-vswitchd.pid").exists, "ovs-vswitchd", 20)
        # Only a change is waited for.
        change = f"external_ids:started={time.monotonic_ns()}"
        self.ctl("--timeout=20", "set", "Open_vSwitch", ".", change)

    def ctl(self, *words: str) -> str:
        """ovs-vsctl(8)."""
        return self.command("ovs-vsctl", f"--db=unix:{self._socket}", *words)

    def ofctl(self, *words: str) -> str:
        """ovs-ofctl(8), OpenFlow 1.4; bridges by name."""
        return self.command("ovs-ofctl", "-O", "OpenFlow14", *words)

    def appctl(self, *words: str) -> str:
        """ovs-appctl(8): a question to ovs-vswitchd."""
        return self.command("ovs-appctl", *words)

    def command(self, *argv: str) -> str:
        """Any of Open vSwitch's own commands on this switch."""
        environment = {**os.environ, "OVS_RUNDIR": str(self.run)}
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def kill(self, daemon: str = "ovs-vswitchd", number: int = signal.SIGKILL) -> None:
        """End a daemon as a crash does, or by another signal. `start` brings it back."""
        process = self._processes.pop(daemon)
        process.send_signal(number)
        process.wait(20)
        (self.run / f"{daemon}.pid").unlink(missing_ok=True)

    def restart(self, daemon: str = "ovs-vswitchd") -> None:
        """What an upgrade does: ended in peace and started again; flows are gone, ports are not."""
        self.kill(daemon, signal.SIGTERM)
        self.start()

    def lose_database(self) -> None:
        """Everything anew from an empty database, as after a lost disk."""
        self.stop()
        (self.run / "conf.db").unlink()
        self.start()

    def stop(self) -> None:
        """End both daemons; the database stays."""
        # Told to clean up, the switch takes its interfaces with it.
        if self._is_up("ovs-vswitchd"):
            with suppress(AssertionError, subprocess.TimeoutExpired):
                self.appctl("exit", "--cleanup")
                self._processes["ovs-vswitchd"].wait(20)
        for name in list(self._processes):
            self.kill(name, signal.SIGTERM)

    def close(self) -> None:
        """Nothing of it is left."""
        self.stop()
        shutil.rmtree(self.run)

    @property
    def _socket(self) -> Path:
        return self.run / "db.sock"

    def _is_up(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def _make_database(self) -> None:
        self.command("ovsdb-tool", "create", str(self.run / "conf.db"), _SCHEMA)

    def _start(self, daemon: str, *words: str) -> None:
        argv = [daemon, *words, *_QUIET, f"--pidfile={self.run / daemon}.pid",
                f"--log-file={self.run / daemon}.log"]  # fmt: skip
        if self.namespace:
            argv = ["ip", "netns", "exec", self.namespace, *argv]
        environment = {**os.environ, "OVS_RUNDIR": str(self.run)}
        quiet = subprocess.DEVNULL
        self._processes[daemon] = subprocess.Popen(
            argv, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, cwd=self.run
        )
