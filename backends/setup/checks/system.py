"""The machine itself: system, kernel, caller, processor, memory, clock, name, confinement."""

from __future__ import annotations

import shlex
from pathlib import Path

from backends.hosts import Host
from backends.setup.check import (
    MEND_DAEMONS,
    Check,
    Finding,
    ask,
    dotted,
    fail,
    last_line,
    ok,
    skip,
    version_in,
    warn,
)

_MIB = 1024  # in the kibibytes of /proc/meminfo
_LEAST_MEMORY = 512 * _MIB
_GOOD_MEMORY = 2048 * _MIB
_LEAST_KERNEL = (5, 15)
_TRIED = {"debian": (12,), "ubuntu": (24, 4)}
# Earlier than this release was made: a clock that was never set.
_CLOCK_FLOOR = 1_760_000_000


def release(host: Host) -> Finding:
    """os-release(5): Debian 12 or Ubuntu 24.04, or newer."""
    text = host.read_text(Path("/etc/os-release")) or ""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    values = {name: " ".join(shlex.split(value)) for name, value in pairs}
    name = values.get("PRETTY_NAME", "an unknown system")
    least = _TRIED.get(values.get("ID", ""))
    number = values.get("VERSION_ID", "")
    if least is None:
        return warn(f"{name} was never tried; Debian 12 and Ubuntu 24.04 are known to work")
    if number and tuple(map(int, number.split("."))) < least:
        return fail(f"{name} is too old: Debian 12 or Ubuntu 24.04 is needed")
    return ok(name)


def kernel(host: Host) -> Finding:
    """uname(1): the kernel's release."""
    said = ask(host, ("uname", "-r", "-m")).stdout.strip()
    if not said.endswith("x86_64"):
        return fail(f"{said or 'no kernel'}: only x86_64 is supported")
    if version_in(said) < _LEAST_KERNEL:
        return fail(f"{said} is older than {dotted(_LEAST_KERNEL)}", "apt-get full-upgrade")
    return ok(said)


def boot(host: Host) -> Finding:
    """random(4): the id by which a reboot is noticed."""
    identity = (host.read_text(Path("/proc/sys/kernel/random/boot_id")) or "").strip()
    if not identity:
        return fail("the kernel gives no boot id; is /proc mounted?", "mount -t proc proc /proc")
    return ok(identity)


def caller(host: Host) -> Finding:
    """Changing a machine needs root."""
    number = ask(host, ("id", "-u")).stdout.strip()
    if number == "0":
        return ok("root")
    return warn(f"user {number or 'unknown'} can look, not change", "sudo quarterdeck doctor")


def processors(host: Host) -> Finding:
    """nproc(1)."""
    said = ask(host, ("nproc",)).stdout.strip()
    if not said.isdigit():
        return skip("nproc gave no number")
    if int(said) < 2:
        return warn("1 processor: the console and a guest compete for it")
    return ok(f"{said} processors")


def virtualisation(host: Host) -> Finding:
    """/proc/cpuinfo: Intel's vmx or AMD's svm."""
    text = host.read_text(Path("/proc/cpuinfo")) or ""
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    found = [flag for flag in ("vmx", "svm") if flag in flags]
    if not found:
        return warn("the processor offers neither vmx nor svm: guests are emulated, slowly")
    return ok(found[0])


def memory(host: Host) -> Finding:
    """/proc/meminfo: MemAvailable."""
    text = host.read_text(Path("/proc/meminfo")) or ""
    sizes = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if ":" in line}
    free = int(sizes.get("MemAvailable", 0))
    evidence = f"{free // _MIB} MiB available of {int(sizes.get('MemTotal', 0)) // _MIB} MiB"
    if free < _LEAST_MEMORY:
        return fail(f"{evidence}: not enough for two small guests", "quarterdeck server list")
    return ok(evidence) if free >= _GOOD_MEMORY else warn(f"{evidence}: room for small guests only")


def clock(host: Host) -> Finding:
    """The time is one that can be, and something keeps it."""
    said = ask(host, ("date", "-u", "+%s %FT%TZ")).stdout.split()
    if len(said) != 2 or int(said[0]) < _CLOCK_FLOOR:
        return fail(f"the clock says {said[-1] if said else 'nothing'}", "timedatectl set-ntp true")
    kept = ask(host, ("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    if kept.stdout.strip() == "no":
        return warn(f"{said[1]}, not synchronised", "timedatectl set-ntp true")
    return ok(f"{said[1]}, {'synchronised' if kept.status == 0 else 'who keeps it is not known'}")


def name(host: Host) -> Finding:
    """The host's name resolves; tools that look it up hang or complain otherwise."""
    said = (host.read_text(Path("/proc/sys/kernel/hostname")) or "").strip()
    found = ask(host, ("getent", "hosts", said)).stdout.split()
    if not found:
        return warn(
            f"{said or '(no name)'} does not resolve", f"add '127.0.1.1 {said}' to /etc/hosts"
        )
    return ok(f"{said} is {found[0]}")


def confinement(host: Host) -> Finding:
    """AppArmor confines guests through libvirt's profiles; SELinux needs labels we do not set."""
    if (host.read_text(Path("/sys/fs/selinux/enforce")) or "").strip() == "1":
        return warn("SELinux is enforcing: guests may be refused their disks", "setenforce 0")
    if (host.read_text(Path("/sys/module/apparmor/parameters/enabled")) or "").strip() != "Y":
        return ok("neither AppArmor nor SELinux confines anything")
    helper = Path("/etc/apparmor.d/usr.lib.libvirt.virt-aa-helper")
    if not host.exists(helper):
        return warn(
            f"AppArmor is on, and {helper} is missing", "apt-get install libvirt-daemon-system"
        )
    return ok("AppArmor, with libvirt's profiles")


def systemd(host: Host) -> Finding:
    """Who starts the daemons after a reboot."""
    if host.exists(Path("/run/systemd/system")):
        said = ask(host, ("systemctl", "is-system-running"))
        return ok(f"systemd, {last_line(said)}")
    return warn("no systemd: after a reboot nothing starts the daemons", MEND_DAEMONS)


CHECKS = (
    Check("os.release", "Operating system", release),
    Check("os.kernel", "Kernel", kernel),
    Check("os.boot", "Boot id", boot),
    Check("os.init", "Init system", systemd),
    Check("os.caller", "Rights of the caller", caller),
    Check("os.clock", "Clock", clock),
    Check("os.name", "Host name", name),
    Check("os.confinement", "AppArmor and SELinux", confinement),
    Check("cpu.count", "Processors", processors),
    Check("cpu.virtualisation", "Virtualisation in hardware", virtualisation),
    Check("memory.free", "Memory", memory),
)
