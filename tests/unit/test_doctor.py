"""The doctor's checks as tables: what a host says, and what is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.errors import MachineFailed, Refused, Usage
from backends.hosts import Host, LocalHost, Output
from backends.setup import doctor, kvm
from backends.setup.check import Check, Finding, Status, ok
from backends.setup.checks import clouds, guests, network, storage, system, terminal
from backends.setup.daemons import Daemon


@pytest.fixture(autouse=True)
def no_kvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No unit test starts a guest."""
    monkeypatch.setattr(kvm, "NODE", tmp_path / "kvm")


OK, WARN, FAIL, SKIP = Status.OK, Status.WARN, Status.FAIL, Status.SKIP


@dataclass
class PaperHost(LocalHost):
    """A host on paper: commands by their beginning (status, stdout, stderr), and files."""

    commands: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__("paper", read_only=True)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 30.0,
        reads: bool = False,
        check: bool = True,
    ) -> Output:
        if not reads:
            raise Refused("host.readonly", f"{argv[0]} would change the machine")
        line = " ".join(argv)
        for beginning, (status, out, err) in self.commands.items():
            if line.startswith(beginning):
                return Output(status, out, err)
        raise MachineFailed("host.command.missing", f"{argv[0]} is not installed")

    def read_text(self, path: Path) -> str | None:
        return self.files.get(str(path))

    def exists(self, path: Path) -> bool:
        return any(name == str(path) or name.startswith(f"{path}/") for name in self.files)

    def list_dir(self, path: Path) -> list[str]:
        here = f"{str(path).rstrip('/')}/"
        names = (name.removeprefix(here) for name in self.files if name.startswith(here))
        return sorted({name.split("/")[0] for name in names})


Run = Callable[[Host], Finding]

COMMANDS: list[tuple[Run, tuple[str, int, str, str], Status, str]] = [
    (system.kernel, ("uname", 0, "6.1.0-30-amd64 x86_64", ""), OK, "6.1.0-30"),
    (system.kernel, ("uname", 0, "5.10.0-8-amd64 x86_64", ""), FAIL, "older than 5.15"),
    (system.kernel, ("uname", 0, "6.1.0 aarch64", ""), FAIL, "only x86_64"),
    (system.kernel, ("none", 0, "", ""), FAIL, "no kernel"),
    (system.caller, ("id", 0, "0\n", ""), OK, "root"),
    (system.caller, ("id", 0, "1000\n", ""), WARN, "1000 can look"),
    (system.processors, ("nproc", 0, "8\n", ""), OK, "8 processors"),
    (system.processors, ("nproc", 0, "1\n", ""), WARN, "1 processor"),
    (system.processors, ("none", 0, "", ""), SKIP, "no number"),
    (system.clock, ("date", 0, "1795153119 2026-11-20T05:38:39Z", ""), OK, "not known"),
    (system.clock, ("date", 0, "86400 1970-01-02T00:00:00Z", ""), FAIL, "1970-01-02"),
    (guests.libvirt, ("virsh", 0, "qemu:///system\n", ""), OK, "answers"),
    (guests.libvirt, ("virsh", 1, "", "error: failed to connect\n"), FAIL, "failed to connect"),
    (guests.libvirt, ("none", 0, "", ""), FAIL, "virsh is not installed"),
    (guests.libvirt_version, ("virsh", 0, "Running against daemon: 10.0.0\n", ""), OK, "10.0.0"),
    (guests.libvirt_version, ("virsh", 0, "Running against daemon: 8.5.0\n", ""), FAIL, "older"),
    (guests.libvirt_version, ("virsh", 1, "", "error: no\n"), SKIP, "did not say"),
    (guests.emulator, ("virsh", 0, "Running hypervisor: QEMU 7.2.22\n", ""), OK, "QEMU 7.2.22"),
    (guests.emulator, ("virsh", 0, "Cannot extract\n", ""), FAIL, "no hypervisor"),
    (guests.qemu, ("qemu-system", 0, "QEMU emulator version 8.2.2\n", ""), OK, "8.2.2"),
    (guests.qemu, ("qemu-system", 0, "QEMU emulator version 5.2.0\n", ""), FAIL, "older than 7.0"),
    (guests.qemu, ("none", 0, "", ""), FAIL, "not installed"),
    (guests.qemu_img, ("qemu-img", 0, "qemu-img version 7.2.22\n", ""), OK, "7.2.22"),
    (guests.qemu_img, ("qemu-img", 1, "", "library missing\n"), FAIL, "library missing"),
    (guests.config_drives, ("xorriso", 0, "xorriso version : 1.5.4\n", ""), OK, "xorriso 1.5.4"),
    (guests.config_drives, ("none", 0, "", ""), FAIL, "genisoimage is not installed"),
    (network.database, ("ovs-vsctl", 0, "uuid\n", ""), OK, "answers"),
    (network.database, ("ovs-vsctl", 1, "", "database connection failed\n"), FAIL, "failed"),
    (network.switch, ("ovs-appctl", 0, "ovs-vswitchd 3.1.0\n", ""), OK, "3.1.0"),
    (network.switch, ("ovs-appctl", 1, "", "cannot read pidfile\n"), FAIL, "pidfile"),
    (network.switch_datapath, ("modprobe", 0, "", ""), WARN, "not loaded"),
    (network.switch_datapath, ("modprobe", 1, "", ""), WARN, "netdev"),
    (network.namespaces, ("unshare", 0, "1: lo", ""), OK, "made and left"),
    (network.namespaces, ("unshare", 1, "", "unshare failed: denied\n"), FAIL, "denied"),
    (network.nftables, ("unshare", 0, "", ""), OK, "rules load"),
    (network.nftables, ("none", 0, "", ""), FAIL, "nft is not installed"),
    (network.conntrack, ("conntrack", 0, "conntrack v1.4.7\n", ""), OK, "1.4.7"),
    (network.dnsmasq, ("dnsmasq", 0, "Dnsmasq version 2.90  (c)\n", ""), OK, "2.90"),
    (network.dnsmasq, ("dnsmasq", 0, "Dnsmasq version 2.80  (c)\n", ""), FAIL, "older than 2.85"),
    (network.dnsmasq, ("none", 0, "", ""), FAIL, "not installed"),
    (network.ethtool, ("ethtool", 0, "ethtool version 6.1\n", ""), OK, "6.1"),
    (storage.lvm, ("lvm", 0, "LVM version: 2.03.16(2)\n", ""), OK, "2.03.16"),
    (storage.thin_tools, ("thin_check", 0, "0.9.0\n", ""), OK, "0.9.0"),
    (storage.writable, ("findmnt", 0, "ro,relatime\n", ""), FAIL, "read-only"),
    (storage.writable, ("findmnt", 0, "rw,relatime\n", ""), OK, "read-write"),
    (storage.device_mapper, ("modprobe", 0, "", ""), OK, "can load"),
    (storage.device_mapper, ("modprobe", 1, "", ""), WARN, "plain files"),
]


@pytest.mark.parametrize(("run", "command", "status", "evidence"), COMMANDS)
def test_check_of_a_command(
    run: Run, command: tuple[str, int, str, str], status: Status, evidence: str
) -> None:
    beginning, *said = command
    host = PaperHost(commands={beginning: (said[0], said[1], said[2])}, files={"/": ""})
    found = run(host)
    assert (found.status, evidence in found.evidence) == (status, True), found


FILES: list[tuple[Run, dict[str, str], Status, str]] = [
    (system.release, {"/etc/os-release": 'ID=debian\nVERSION_ID="12"'}, OK, ""),
    (system.release, {"/etc/os-release": "ID=debian\nPRETTY_NAME=sid"}, OK, "sid"),
    (system.release, {"/etc/os-release": 'ID=ubuntu\nVERSION_ID="24.04"'}, OK, ""),
    (system.release, {"/etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"'}, FAIL, "too old"),
    (system.release, {"/etc/os-release": "ID=fedora\nPRETTY_NAME=F"}, WARN, "F was never tried"),
    (system.release, {}, WARN, "unknown system"),
    (system.boot, {"/proc/sys/kernel/random/boot_id": "abc\n"}, OK, "abc"),
    (system.boot, {}, FAIL, "/proc"),
    (system.systemd, {}, WARN, "no systemd"),
    (system.virtualisation, {"/proc/cpuinfo": "flags\t: fpu svm lm"}, OK, "svm"),
    (system.virtualisation, {"/proc/cpuinfo": "flags\t: fpu lm"}, WARN, "emulated"),
    (
        system.memory,
        {"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB"},
        OK,
        "4096",
    ),
    (system.memory, {"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 1048576 kB"}, WARN, ""),
    (
        system.memory,
        {"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 1024 kB"},
        FAIL,
        "1 MiB",
    ),
    (system.confinement, {}, OK, "neither"),
    (system.confinement, {"/sys/fs/selinux/enforce": "1"}, WARN, "enforcing"),
    (system.confinement, {"/sys/module/apparmor/parameters/enabled": "Y"}, WARN, "missing"),
    (system.name, {"/proc/sys/kernel/hostname": "deck\n"}, WARN, "deck does not resolve"),
    (guests.firmware, {}, WARN, "no OVMF"),
    (guests.firmware, {"/usr/share/OVMF/OVMF_CODE_4M.fd": ""}, OK, "OVMF_CODE_4M.fd"),
    (network.tun, {}, FAIL, "/dev/net/tun"),
    (network.tun, {"/dev/net/tun": ""}, OK, ""),
    (network.switch_datapath, {"/sys/module/openvswitch": ""}, OK, "datapath_type=system"),
    (network.switch_conntrack, {"/sys/module/openvswitch": ""}, SKIP, "no bridge"),
    (network.switch_conntrack, {}, OK, "userspace"),
    (network.forwarding, {"/proc/sys/net/ipv4/ip_forward": "1\n"}, OK, ""),
    (network.forwarding, {"/proc/sys/net/ipv4/ip_forward": "0\n"}, WARN, "beyond"),
    (network.bridge_filter, {}, OK, ""),
    (network.bridge_filter, {"/proc/sys/net/bridge/bridge-nf-call-iptables": "1"}, WARN, "=1"),
    (storage.device_mapper, {"/proc/misc": " 236 device-mapper\n"}, OK, "has device-mapper"),
    (storage.device_mapper, {"/proc/misc": " 200 tun\n"}, WARN, "plain files"),
]


@pytest.mark.parametrize(("run", "files", "status", "evidence"), FILES)
def test_check_of_a_file(run: Run, files: dict[str, str], status: Status, evidence: str) -> None:
    found = run(PaperHost(files=files))
    assert (found.status, evidence in found.evidence) == (status, True), found


@pytest.mark.parametrize(("free", "status"), [(1, FAIL), (3, WARN), (80, OK)])
def test_room_is_measured_where_the_state_will_be(free: int, status: Status) -> None:
    host = PaperHost(
        commands={"df --output=avail --block-size=1 /var/lib": (0, f" Avail\n{free << 30}\n", "")},
        files={"/var/lib/dpkg/status": ""},
    )
    assert storage.room(host).status is status


@pytest.mark.parametrize(
    ("free", "total", "status"),
    [("5", "99999", FAIL), ("99999", "99999", OK), ("0", "0", OK), ("-", "-", OK)],
)
def test_inodes_are_counted_where_there_are_any(free: str, total: str, status: Status) -> None:
    commands = {"df --output=iavail": (0, f"IFree\n{free}\n", ""), "df": (0, f"I\n{total}\n", "")}
    assert storage.inodes(PaperHost(commands=commands, files={"/": ""})).status is status


def test_conntrack_of_the_switch_is_asked_of_a_bridge() -> None:
    features = "CT state: Yes\nCT zone: Yes\nCT mark: Yes\nCT state NAT: Yes\n"
    commands = {
        "ovs-vsctl": (0, "br-int\n", ""),
        "ovs-appctl --timeout=3 dpif/show-dp-features br-int": (0, features, ""),
    }
    assert network.switch_conntrack(PaperHost(commands=commands)).status is OK
    commands["ovs-appctl --timeout=3 dpif/show-dp-features br-int"] = (0, "CT state: No\n", "")
    found = network.switch_conntrack(PaperHost(commands=commands))
    assert (found.status, found.mend) == (FAIL, "modprobe nf_conntrack")


@pytest.mark.parametrize(
    ("state", "status", "mend"),
    [
        (kvm.State.USABLE, OK, ""),
        (kvm.State.ABSENT, WARN, ""),
        (kvm.State.BROKEN, FAIL, "quarterdeck doctor --mend kvm"),
    ],
)
def test_kvm_that_does_not_run_a_guest_is_worse_than_none(
    monkeypatch: pytest.MonkeyPatch, state: kvm.State, status: Status, mend: str
) -> None:
    monkeypatch.setattr(kvm, "verdict", lambda: kvm.Verdict(state, "as it is"))
    found = guests.usable(PaperHost())
    assert (found.status, found.mend) == (status, mend)


@pytest.mark.parametrize(("up", "status"), [(True, OK), (False, FAIL)])
def test_virtlogd_is_asked_at_its_socket(
    monkeypatch: pytest.MonkeyPatch, up: bool, status: Status
) -> None:
    monkeypatch.setattr(Daemon, "is_up", lambda _: up)
    assert guests.virtlogd(PaperHost()).status is status


def test_leftover_cloud_is_one_without_records() -> None:
    said = (
        '{"data":[[["map",[["quarterdeck-cloud","lost"]]]],'
        '[["map",[["quarterdeck-cloud","kept"]]]],[["map",[]]]],"headings":["external_ids"]}'
    )
    host = PaperHost(
        commands={"ovs-vsctl": (0, said, "")}, files={"/var/lib/quarterdeck/kept/store.db": ""}
    )
    found = clouds.leftovers(host)
    assert found.status is WARN
    assert "'lost'" in found.evidence
    assert "kept" not in found.evidence
    assert found.mend == "quarterdeck --cloud lost rescue"


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({"LANG": "ko_KR.UTF-8"}, OK),
        ({"LANG": "en_GB.utf8"}, OK),
        ({"LC_ALL": "C", "LANG": "C.UTF-8"}, WARN),
        ({}, WARN),
    ],
)
def test_encoding(environment: dict[str, str], status: Status) -> None:
    assert terminal.encoding_in(environment).status is status


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, OK),
        ({"TERM": "screen-256color"}, OK),
        ({"TERM": "vt100"}, WARN),
        ({"TERM": "dumb"}, FAIL),
        ({}, SKIP),
    ],
)
def test_colours(environment: dict[str, str], status: Status) -> None:
    assert terminal.colours_in(environment).status is status


def test_codes_are_stable_words_and_unique() -> None:
    codes = [check.code for check in doctor.CHECKS]
    assert len(codes) == len(set(codes)) >= 30
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", code) for code in codes)
    assert all(check.title for check in doctor.CHECKS)


def test_no_check_breaks_down_on_a_host_that_says_nothing() -> None:
    for check, found in doctor.run_checks(host=PaperHost()):
        assert "could not be looked at" not in found.evidence, check.code
        assert found.evidence, check.code
        assert "\n" not in found.evidence, check.code


@pytest.mark.parametrize(
    "noise", ["", "garbage", "-1", "version", "99999999999999999999 x", "\x00"]
)
def test_no_check_breaks_down_on_noise(noise: str) -> None:
    """A tool that answers nonsense gives a finding; never an exception that ends the doctor."""
    names = ("u", "i", "n", "d", "v", "q", "g", "x", "o", "m", "c", "e", "l", "t", "f", "s")
    host = PaperHost(commands=dict.fromkeys(names, (0, noise, noise)))
    assert len(list(doctor.run_checks(host=host))) == len(doctor.CHECKS)


def test_one_check_that_fails_to_look_spoils_no_other() -> None:
    def refused(host: Host) -> Finding:
        raise MachineFailed("host.command.timeout", "libvirtd gave no answer")

    def denied(host: Host) -> Finding:
        raise PermissionError(13, "Permission denied")

    checks = [
        Check("a.a", "A", refused),
        Check("b.b", "B", denied),
        Check("c.c", "C", lambda _: ok("fine")),
    ]
    found = [finding for _, finding in doctor.run_checks(checks, PaperHost())]
    assert [finding.status for finding in found] == [FAIL, FAIL, OK]
    assert found[0].evidence == "libvirtd gave no answer"
    assert "Permission denied" in found[1].evidence


def test_what_only_root_can_tell_is_no_failure_for_others() -> None:
    denied = {"ovs-vsctl": (1, "", "Permission denied\n")}
    for user, status in (("0", FAIL), ("1000", SKIP)):
        host = PaperHost(commands={**denied, "id": (0, user, "")})
        assert doctor.run(["ovs.database"], host)[0].status is status


def test_checks_are_chosen_by_code_and_by_group() -> None:
    assert [check.code for check in doctor.choose(["kvm.usable"])] == ["kvm.usable"]
    groups = {check.code.split(".")[0] for check in doctor.choose(["net", "ovs"])}
    assert groups == {"net", "ovs"}
    assert len(doctor.choose()) == len(doctor.CHECKS)
    with pytest.raises(Usage, match=r"doctor\.check\.unknown"):
        doctor.choose(["nets"])
    with pytest.raises(Usage, match=r"doctor\.mend\.unknown"):
        doctor.mend("everything", print)


def test_results_are_flat_and_the_worst_of_them_counts() -> None:
    results = doctor.run(["net.tun", "net.forwarding"], PaperHost(files={"/dev/net/tun": ""}))
    assert results[0].as_dict() == {
        "code": "net.tun",
        "title": "TUN/TAP",
        "status": "ok",
        "evidence": "/dev/net/tun",
        "mend": "",
    }
    assert doctor.worst(results) is WARN
    assert doctor.worst(results[:1]) is OK
    assert doctor.worst(doctor.run(["net.tun"], PaperHost())) is FAIL
