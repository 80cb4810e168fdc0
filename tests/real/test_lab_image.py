"""The lab guest, booted for real under plain QEMU with user networking."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.lab.image import KERNEL_ARGUMENTS, RAM, LabImage, build

CACHE = Path("/var/cache/quarterdeck/lab")
DEADLINE = 40.0  # seconds for whatever is waited for, on a machine that others use too
NETWORK = ("-device", "virtio-net-pci,netdev=n0")


class Guest:
    """One QEMU process: its serial line, its monitor, and its SSH port on the loopback."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.ssh_port, self.http_port = free_port(), free_port()
        monitor = folder / "monitor"
        forward = f"hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
        forward += f",hostfwd=tcp:127.0.0.1:{self.http_port}-:80"
        self.process = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-accel", "tcg", "-m", str(RAM), "-nodefaults"),
                *("-display", "none", "-vga", "std", "-serial", "stdio"),
                *("-qmp", f"unix:{monitor},server=on,wait=off", "-device", "virtio-rng-pci"),
                *("-netdev", f"user,id=n0,{forward}", *arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        self.seen = b""
        self._monitor_path = monitor

    def wait_for(self, text: str) -> str:
        """Read the serial line until `text` came; give what came up to there, and drop it."""
        wanted = text.encode()
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            end = time.monotonic() + DEADLINE
            while wanted not in self.seen:
                left = end - time.monotonic()
                chunk = b""
                if left > 0 and selector.select(left):
                    chunk = os.read(self.process.stdout.fileno(), 65536)
                assert chunk, f"{text!r} did not come; last: {self.seen[-2000:]!r}"
                self.seen += chunk
        before, _, self.seen = self.seen.partition(wanted)
        return (before + wanted).decode(errors="replace")

    def run(self, command: str) -> str:
        """Type a command at the serial shell and give what it prints."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"echo BE''GIN; {command}; echo E''ND\n".encode())
        self.process.stdin.flush()
        self.wait_for("BEGIN")
        return self.wait_for("END").removesuffix("END").strip()

    def monitor(self, command: str, **arguments: Any) -> None:
        """Send one QMP command and check that it was taken."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(DEADLINE)
            link.connect(str(self._monitor_path))
            stream = link.makefile("rw")
            stream.readline()
            for message in (
                {"execute": "qmp_capabilities"},
                {"execute": command, "arguments": arguments},
            ):
                stream.write(json.dumps(message) + "\n")
                stream.flush()
                answer: dict[str, Any] = {"event": ""}
                while "event" in answer:
                    answer = json.loads(stream.readline())
                assert "return" in answer, answer

    def ssh(self, key: Path, command: str) -> str:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
        return subprocess.run(
            [
                *("ssh", "-i", str(key), "-p", str(self.ssh_port), "-o", "LogLevel=ERROR"),
                *(part for option in options for part in ("-o", option)),
                *("root@127.0.0.1", command),
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        ).stdout

    def close(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Boot = Callable[..., Guest]


@pytest.fixture(scope="module")
def lab() -> LabImage:
    return build(CACHE)


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    guests: list[Guest] = []

    def start(*arguments: str) -> Guest:
        guests.append(Guest(tmp_path, *arguments))
        return guests[-1]

    yield start
    for guest in guests:
        guest.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a b", "-f", path], check=True
    )
    return path


def iso(folder: Path, label: str, files: dict[str, str]) -> Path:
    source, target = folder / f"{label}.d", folder / f"{label}.iso"
    for name, content in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(content)
    subprocess.run(
        ["genisoimage", "-quiet", "-J", "-r", "-V", label, "-o", target, source], check=True
    )
    return target


def drive(name: str, file: Path, bus: str = "", form: str = "qcow2") -> tuple[str, ...]:
    where = f",bus={bus}" if bus else ""
    return (
        *("-drive", f"file={file},format={form},if=none,id={name},snapshot=on"),
        *("-device", f"virtio-blk-pci,drive={name}{where}"),
    )


def direct(image: LabImage) -> tuple[str, ...]:
    return (
        *("-kernel", str(image.kernel), "-initrd", str(image.ramdisk)),
        *("-append", KERNEL_ARGUMENTS),
    )


def test_disk_with_config_drive_on_q35_ports(
    lab: LabImage, boot: Boot, key: Path, tmp_path: Path
) -> None:
    public = key.with_suffix(".pub").read_text()
    meta = {"uuid": "1", "hostname": "web-1.local", "public_keys": {"mine": public}}
    user_data = "#!/bin/sh\nhostname >/root/ran\nexit 3\n"
    config = iso(
        tmp_path,
        "config-2",
        {
            "openstack/latest/meta_data.json": json.dumps(meta),
            "openstack/latest/user_data": user_data,
        },
    )
    ports = [f"pcie-root-port,id=p{n},chassis={n},slot={n}" for n in range(1, 5)]
    guest = boot(
        *("-machine", "q35", *(part for port in ports for part in ("-device", port))),
        *drive("d0", lab.disk, "p1"),
        *drive("d1", config, "p2", "raw"),
        *("-device", "virtio-net-pci,netdev=n0,bus=p3"),
    )
    guest.wait_for("lab: ready web-1 10.0.2.15")
    guest.wait_for("lab: user data ended with 3")
    assert guest.ssh(key, "hostname; cat ran; wget -qO - http://localhost/") == "web-1\n" * 3

    spare = tmp_path / "spare"
    with spare.open("wb") as file:
        file.truncate(2**20)
    node = {"driver": "raw", "node-name": "x", "file": {"driver": "file", "filename": str(spare)}}
    guest.monitor("blockdev-add", **node)
    guest.monitor("device_add", driver="virtio-blk-pci", drive="x", bus="p4", id="spare")
    wait = "until [ -b /dev/vdc ]; do usleep 20000; done; cat /sys/block/vdc/size"
    assert guest.run(wait) == "2048"
    guest.monitor("system_powerdown")
    assert guest.process.wait(DEADLINE) == 0


def test_kernel_and_ramdisk_with_cloud_config_on_i440fx(
    lab: LabImage, boot: Boot, key: Path, tmp_path: Path
) -> None:
    public = key.with_suffix(".pub").read_text()
    user_data = f"""#cloud-config
packages: [vim]
ssh_authorized_keys:
  - {public}
write_files:
  - path: /root/greeting
    permissions: '0600'
    content: |
      안녕 'and' "more"
runcmd:
  - [sh, -c, "cat /root/greeting >/root/copy"]
  - stat -c %a /root/greeting >>/root/copy
"""
    seed = iso(
        tmp_path,
        "cidata",
        {"meta-data": "instance-id: i\nlocal-hostname: cloudy\n", "user-data": user_data},
    )
    guest = boot("-machine", "pc", *direct(lab), *drive("d0", seed, form="raw"), *NETWORK)
    guest.wait_for("lab: cloud-config: 'packages' is not understood here; ignored")
    guest.wait_for("lab: ready cloudy 10.0.2.15")
    guest.wait_for("lab: user data ended with 0")
    assert guest.ssh(key, "cat copy") == "안녕 'and' \"more\"\n600\n"


def test_serial_shell_and_screen(lab: LabImage, boot: Boot) -> None:
    guest = boot("-machine", "q35", *direct(lab), *NETWORK)
    guest.wait_for("lab: ready lab 10.0.2.15")
    assert guest.run("tty; stty size; echo $TERM").split() == [
        *("/dev/ttyS0", "24", "80", "xterm-256color")
    ]
    assert guest.run("stty rows 50 cols 120; stty size") == "50 120"
    assert guest.run("echo 한글") == "한글"
    assert "Running" in guest.run("sleep 100 & jobs; kill %1")
    for character in ("t", "t", "y", "spc", "shift-dot", "t", "ret"):
        keys = [{"type": "qcode", "data": name} for name in character.split("-")]
        guest.monitor("send-key", keys=keys)
    assert guest.run("until [ -s /root/t ]; do usleep 20000; done; cat /root/t") == "/dev/tty1"


def test_static_addresses_and_an_interface_that_comes_late(
    lab: LabImage, boot: Boot, tmp_path: Path
) -> None:
    mac = "52:54:00:aa:bb:cc"
    network = {
        "links": [{"id": "tap0", "ethernet_mac_address": mac, "mtu": 1400}],
        "networks": [
            {
                "link": "tap0",
                "type": "ipv4",
                "ip_address": "10.0.2.77",
                "netmask": "255.255.255.0",
                "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.2.2"}],
            },
            {"link": "tap0", "type": "ipv6", "ip_address": "fd00::7", "netmask": "ffff:ffff::"},
        ],
        "services": [{"type": "dns", "address": "10.0.2.3"}],
    }
    config = iso(tmp_path, "config-2", {"openstack/latest/network_data.json": json.dumps(network)})
    guest = boot(
        *("-machine", "pc", *direct(lab), *drive("d0", config, form="raw")),
        *("-device", f"virtio-net-pci,netdev=n0,mac={mac}"),
    )
    guest.wait_for("lab: ready lab 10.0.2.77")
    assert "10.0.2.77/24" in guest.run("ip addr")
    assert "fd00::7/32" in guest.run("ip addr")
    assert "default via 10.0.2.2" in guest.run("ip route")
    assert guest.run("cat /etc/resolv.conf /sys/class/net/eth0/mtu").split() == [
        *("nameserver", "10.0.2.3", "1400")
    ]
    guest.monitor("netdev_add", type="user", id="n1", net="10.7.0.0/24")
    guest.monitor("device_add", driver="virtio-net-pci", netdev="n1", id="late")
    guest.wait_for("lab: eth1 10.7.0.15")
    guest.monitor("device_del", id="late")
    gone = "while [ -e /run/lab/nic.eth1 ]; do usleep 20000; done; ps | grep -c '[u]dhcpc -i'"
    assert guest.run(gone) == "0"


def test_restart_and_no_network(lab: LabImage, boot: Boot) -> None:
    guest = boot("-machine", "q35", *drive("d0", lab.disk), "-nic", "none")
    guest.wait_for("lab: no network: 0 interface(s), no address yet")
    host_key = "dropbearkey -y -f /etc/dropbear/key | md5sum"
    first = guest.run(host_key)
    assert guest.process.stdin is not None
    guest.process.stdin.write(b"reboot\n")
    guest.process.stdin.flush()
    guest.wait_for("lab: no network: 0 interface(s), no address yet")
    assert guest.run(host_key) == first
