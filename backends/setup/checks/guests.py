"""What runs guests: KVM, libvirt, virtlogd, QEMU and its firmware."""

from __future__ import annotations

from pathlib import Path

from backends.hosts import Host
from backends.setup import kvm
from backends.setup.check import (
    MEND_DAEMONS,
    Check,
    Finding,
    ask,
    dotted,
    fail,
    install,
    last_line,
    ok,
    skip,
    tool,
    version_in,
    warn,
)
from backends.setup.daemons import VIRTLOGD

_URI = "qemu:///system"
_LEAST_LIBVIRT = (9, 0)
_FIRMWARE = Path("/usr/share/OVMF")


def usable(host: Host) -> Finding:
    """KVM runs a guest: asked of a real one, once a boot."""
    found = kvm.verdict()
    match found.state:
        case kvm.State.USABLE:
            return ok(found.evidence)
        case kvm.State.ABSENT:
            return warn(f"{found.evidence}: guests are emulated, slowly")
        case kvm.State.BROKEN:
            return fail(found.evidence, "quarterdeck doctor --mend kvm")


def libvirt(host: Host) -> Finding:
    """libvirtd answers."""
    said = ask(host, ("virsh", "--readonly", "--connect", _URI, "uri"))
    if said.status == 127:
        return fail("virsh is not installed", install("libvirt-clients"))
    if said.status != 0:
        return fail(last_line(said), MEND_DAEMONS)
    return ok(f"{_URI} answers")


def libvirt_version(host: Host) -> Finding:
    """The daemon's version, not the client's."""
    said = ask(host, ("virsh", "--readonly", "--connect", _URI, "version", "--daemon"))
    line = next((row for row in said.stdout.splitlines() if "daemon" in row), "")
    version = version_in(line)
    if not version:
        return skip("libvirtd did not say")
    if version < _LEAST_LIBVIRT:
        return fail(
            f"libvirtd {dotted(version)} is older than {dotted(_LEAST_LIBVIRT)}",
            install("libvirt-daemon-system"),
        )
    return ok(f"libvirtd {dotted(version)}")


def emulator(host: Host) -> Finding:
    """libvirt finds a QEMU that it can drive."""
    said = ask(host, ("virsh", "--readonly", "--connect", _URI, "version"))
    line = next((row for row in said.stdout.splitlines() if "hypervisor" in row), "")
    if said.status != 0:
        return skip("libvirtd did not say")
    if not version_in(line):
        return fail("libvirt knows of no hypervisor", install("qemu-system-x86"))
    return ok(line.partition(":")[2].strip())


def virtlogd(host: Host) -> Finding:
    """virtlogd takes a connection: a guest with a serial log does not start without it."""
    place = VIRTLOGD.sockets[0]
    if VIRTLOGD.is_up():
        return ok(f"{place} takes connections")
    return fail(f"nothing answers at {place}", MEND_DAEMONS)


def qemu(host: Host) -> Finding:
    """QEMU is there, and of a version that was tried or a newer one."""
    return tool(host, (kvm.QEMU, "--version"), package="qemu-system-x86", least=(7, 0))


def qemu_img(host: Host) -> Finding:
    """The tool that makes overlays."""
    return tool(host, ("qemu-img", "--version"), package="qemu-utils", least=(7, 0))


def firmware(host: Host) -> Finding:
    """OVMF, for guests that boot by UEFI."""
    found = [file for file in host.list_dir(_FIRMWARE) if file.startswith("OVMF_CODE")]
    if not found:
        return warn("no OVMF: guests boot by BIOS only", install("ovmf"))
    return ok(str(_FIRMWARE / found[0]))


def config_drives(host: Host) -> Finding:
    """What writes an ISO 9660 image."""
    either = [
        tool(host, ("genisoimage", "--version"), package="genisoimage"),
        tool(host, ("xorriso", "--version"), package="xorriso"),
    ]
    return next((found for found in either if found == ok(found.evidence)), either[0])


CHECKS = (
    Check("kvm.usable", "KVM runs a guest", usable, needs_root=True),
    Check("libvirt.answers", "libvirt", libvirt, needs_root=True),
    Check("libvirt.version", "libvirt's version", libvirt_version),
    Check("libvirt.emulator", "QEMU, as libvirt sees it", emulator),
    Check("libvirt.virtlogd", "virtlogd", virtlogd),
    Check("qemu.binary", "QEMU", qemu),
    Check("qemu.img", "qemu-img", qemu_img),
    Check("qemu.firmware", "UEFI firmware", firmware),
    Check("image.iso", "Config drives", config_drives),
)
