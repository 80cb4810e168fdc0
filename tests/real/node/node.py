"""A lab node: a whole second host, emulated, with disks of its own, driven over SSH."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from pathlib import Path

from backends.lab.packages import run as tool
from backends.lab.ramdisk import archive
from backends.traits import domain_type
from tests.real.lab import run
from tests.real.node.image import NodeImage
from tests.real.node.underlay import Underlay

_DEADLINE = 240.0  # seconds until it is up, on a busy machine; alone it takes about six
_DISK = 1024  # MiB
# A busy machine's timer may come too late for the kernel's test of it.
_ARGUMENTS = "console=ttyS0 quiet nokaslr cryptomgr.notests net.ifnames=0 panic=-1 no_timer_check"


class Failed(AssertionError):
    """A command in the node did not succeed."""


class Node:
    """A Debian under QEMU, with root over SSH at `address` from this machine's root namespace.

    It has LVM with device-mapper, tgt, NFS, cryptsetup, Open vSwitch with the kernel's datapath,
    nftables, dnsmasq, libvirt and QEMU; no systemd, and no daemon runs but udev and SSH. A second
    CPU makes it slower, not faster, where others want this machine's too: emulated ones wait for
    each other.

        with Node(image, underlay) as node:           # start() ... close()
            node.run("vgcreate", "vg", node.disk(0))  # argv, no shell; raises Failed
            node.cut_off()                            # its cable is pulled ...
            node.restore()                            # ... and put back
            node.reboot()                             # as after a power cut; its disks stay

    `disks` are the sizes of its empty disks in MiB; `drives` are raw files that it has read-only:
    `disk(N)` and `drive(N)` in it. For a transport of SSH: user root, `address`, port 22,
    `key` (a private key), `known_hosts`.
    """

    def __init__(
        self,
        image: NodeImage,
        underlay: Underlay,
        *,
        memory: int = 512,
        cpus: int = 1,
        disks: tuple[int, ...] = (_DISK, _DISK),
        drives: tuple[Path, ...] = (),
    ) -> None:
        self._image, self._underlay = image, underlay
        self.tap, self.address, self._mac = underlay.plug()
        self.name = f"node-{self.address.rpartition('.')[2]}"
        self.folder = underlay.folder / self.name
        self.folder.mkdir(mode=0o700)
        self.key, self.known_hosts = self.folder / "key", self.folder / "known_hosts"
        self._memory, self._cpus = memory, cpus
        self._files = [self.folder / "system.qcow2"]
        self._drives = [*drives]
        tool(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.disk),
              str(self._files[0])])  # fmt: skip
        for number, size in enumerate(disks):
            self._files.append(self.folder / f"disk-{number}")
            with self._files[-1].open("wb") as file:
                file.truncate(size * 2**20)
        self._prepare()
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def disk(number: int) -> str:
        """The path, in the node, of one of its own disks."""
        return f"/dev/disk/by-id/virtio-disk-{number}"

    @staticmethod
    def drive(number: int) -> str:
        """The path, in the node, of one of the read-only drives."""
        return f"/dev/disk/by-id/virtio-drive-{number}"

    def start(self) -> None:
        """Power it on, and wait until it takes commands."""
        (self.folder / "console").unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL)
        (self.folder / "pid").write_text(str(self._process.pid))
        end = time.monotonic() + _DEADLINE
        while "node: up" not in self.console():
            assert self._process.poll() is None, f"QEMU ended: {self.console()}"
            assert time.monotonic() < end, f"the node did not come up: {self.console()[-2000:]}"
            threading.Event().wait(0.05)
        while self.attempt("true", timeout=20).returncode != 0:
            assert time.monotonic() < end, f"no SSH: {self.attempt('true', timeout=20).stderr}"

    def stop(self) -> None:
        """Cut its power."""
        if self._process is not None:
            # The connection that commands share ends first, lest its end is waited for.
            subprocess.run(["ssh", *self._options(), "-O", "exit", "node"], capture_output=True)
            self._process.kill()
            self._process.wait()
            self._process = None

    def reboot(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Nothing of it stays."""
        self.stop()
        run("ip", "link", "delete", self.tap)

    def __enter__(self) -> Node:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, *argv: str, stdin: str = "", timeout: float = 60) -> str:
        """What the command prints; raises Failed, with all it said, unless it succeeds."""
        done = self.attempt(*argv, stdin=stdin, timeout=timeout)
        if done.returncode != 0:
            raise Failed(f"{self.name}: {argv} ended with {done.returncode}: "
                         f"{done.stdout}{done.stderr}")  # fmt: skip
        return done.stdout

    def attempt(
        self, *argv: str, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """The command's end, whatever it is; 255 where SSH itself failed."""
        return subprocess.run(
            ["ssh", *self._options(), "node", shlex.join(argv)],
            input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def feed(self, data: bytes, *argv: str, timeout: float = 60) -> None:
        """Run a command that reads these bytes; raises Failed unless it succeeds."""
        done = subprocess.run(
            ["ssh", *self._options(), "node", shlex.join(argv)],
            input=data, capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"{self.name}: {argv} ended with {done.returncode}: {done.stderr!r}")

    def lead(self, sockets: dict[Path, str]) -> subprocess.Popen[bytes]:
        """Have Unix sockets here lead to some in the node, until the process is ended."""
        ways = [word for here, there in sockets.items() for word in ("-L", f"{here}:{there}")]
        alone = ("-S", "none", "-N", "-o", "ExitOnForwardFailure=yes")
        process = subprocess.Popen(["ssh", *self._options(), *alone, *ways, "node"])
        while not all(each.exists() for each in sockets):
            assert process.poll() is None, "SSH ended"
            threading.Event().wait(0.05)
        return process

    def write(self, path: str, content: str) -> None:
        """A file in the node."""
        self.feed(content.encode(), "tee", path)

    def cut_off(self) -> None:
        """Pull its cable: what is sent to and from it is lost, and nobody is told."""
        run("ip", "link", "set", self.tap, "nomaster")

    def restore(self) -> None:
        run("ip", "link", "set", self.tap, "master", self._underlay.bridge)

    def console(self) -> str:
        """All that its kernel and first program wrote."""
        path = self.folder / "console"
        return path.read_text(errors="replace") if path.exists() else ""

    def _prepare(self) -> None:
        """This session's keys and addresses, laid over its disk when it boots."""
        for key in (self.key, self.folder / "host"):
            tool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)])
        host, public = self.folder / "host", self.key.with_suffix(".pub").read_bytes()
        self.known_hosts.write_text(f"{self.address} {host.with_suffix('.pub').read_text()}")
        network = f"ADDRESS={self.address}/24\nGATEWAY={self._underlay.host}\n"
        session = {
            "root": (0o040700, b""),
            "root/.ssh": (0o040700, b""),
            "root/.ssh/authorized_keys": (0o100600, public),
            "etc/ssh/ssh_host_ed25519_key": (0o100600, host.read_bytes()),
            "etc/hostname": (0o100644, f"{self.name}\n".encode()),
            "etc/hosts": (0o100644, f"127.0.0.1 localhost {self.name}\n".encode()),
            "etc/node-network": (0o100644, network.encode()),
        }
        entries = {f"session/{path}": entry for path, entry in session.items()}
        # The kernel unpacks archives one after another.
        plain = self._image.ramdisk.read_bytes()
        (self.folder / "initrd").write_bytes(plain + bytes(-len(plain) % 512) + archive(entries))

    def _command(self) -> list[str]:
        kvm = domain_type() == "kvm"
        argv = [
            *("qemu-system-x86_64", "-name", self.name, "-nodefaults", "-display", "none"),
            *("-machine", "q35", "-accel", "kvm" if kvm else "tcg,thread=multi"),
            *(
                "-cpu",
                "host" if kvm else "max,-la57",
                "-smp",
                str(self._cpus),
                "-m",
                str(self._memory),
            ),
            *("-kernel", str(self._image.kernel), "-initrd", str(self.folder / "initrd")),
            *("-append", _ARGUMENTS),
            *("-serial", f"file:{self.folder / 'console'}"),
            *("-netdev", f"tap,id=n0,ifname={self.tap},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=n0,mac={self._mac},romfile="),
            *("-device", "virtio-rng-pci"),
        ]
        system, *disks = self._files
        argv += _disk("system", f"file={system},format=qcow2")
        for number, path in enumerate(disks):
            argv += _disk(f"disk-{number}", f"file={path},format=raw")
        for number, path in enumerate(self._drives):
            argv += _disk(f"drive-{number}", f"file={path},format=raw,readonly=on")
        return argv

    def _options(self) -> list[str]:
        options = {
            "HostName": self.address,
            "User": "root",
            "IdentityFile": str(self.key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "LogLevel": "ERROR",
            "ControlMaster": "auto",
            "ControlPath": str(self.folder / "ssh"),
            "ControlPersist": "60",
        }
        base = ["-F", "none"]
        return base + [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def _disk(name: str, where: str) -> list[str]:
    drive = f"{where},if=none,id={name},cache=unsafe"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},serial={name}"]
