"""Whether KVM really runs a guest: it is asked to, and must answer within seconds.

`/dev/kvm` can be there and yet hang every guest at its first instruction (nested virtualisation
that is offered but broken). libvirt then spends more than a minute on each start of a domain.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

NODE = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
CACHE = Path("/run/quarterdeck/kvm.verdict")  # no cloud can have a name with a dot
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
DEADLINE = 5.0
_REAP_SECONDS = 1.0

_GREETING = b"QD"
# QEMU's isa-debug-exit ends with (value << 1) | 1.
_EXIT_STATUS = 0x10 << 1 | 1


class State(StrEnum):
    """What KVM is on this machine."""

    USABLE = "usable"
    BROKEN = "broken"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of KVM, and one line that says how it is known."""

    state: State
    evidence: str


# A boot sector in machine code: real mode, page tables, long mode, work, greeting, exit.
_CODE = """
fa fc 31c0 8ed8 8ec0            cli; cld; ds = es = 0
bf0010 b90018 f3ab              clear the page tables, 0x1000 to 0x4000
c70600100320 c70600200330       level 4 -> level 3 -> level 2 ...
c70600308300                    ... whose first page is 2 MiB at address 0
66b820000000 0f22e0             cr4 = PAE
66b800100000 0f22d8             cr3 = 0x1000
66b9800000c0 0f32 80cc01 0f30   EFER.LME = 1
660f0116557c                    lgdt [0x7c55]
66b811000080 0f22c0             cr0 = PG | ET | PE
ea6b7c0800                      jump to 64-bit code at 0x7c6b
0f00 5b7c0000                   the table's limit and address
0000000000000000                its null descriptor
ffff0000009aaf00                its 64-bit code descriptor
b900000002 ffc9 75fc            0x2000000 turns of a loop
b051 e6e9 b044 e6e9             "Q", "D" to port 0xe9
66ba0105 b010 ee                0x10 to port 0x501
f4 ebfd                         halt, should that not have ended it
"""


def boot_sector() -> bytes:
    """512 bytes that enter long mode, count, greet on the debug port and ask QEMU to exit.

    Real mode alone proves nothing: a hypervisor may emulate it, and crawl or hang from there on.
    """
    code = bytes.fromhex("".join(line[:32] for line in _CODE.splitlines()))
    return code.ljust(510, b"\0") + b"\x55\xaa"


def guest_command(disk: Path, accelerator: str) -> list[str]:
    """QEMU's command line for a guest that is nothing but the boot sector on `disk`."""
    model = "host" if accelerator == "kvm" else "max"
    return [
        *(QEMU, "-accel", accelerator, "-cpu", model, "-m", "8", "-display", "none"),
        *("-nodefaults", "-no-user-config", "-no-reboot"),
        *("-drive", f"file={disk},format=raw,if=ide", "-debugcon", "stdio"),
        *("-device", "isa-debug-exit,iobase=0x501,iosize=1"),
    ]


def probe(accelerator: str = "kvm", deadline: float = DEADLINE) -> Verdict:
    """Boot a guest under `accelerator`; it must answer within `deadline` seconds."""
    if accelerator == "kvm" and not NODE.exists():
        return Verdict(State.ABSENT, f"there is no {NODE}")
    with tempfile.TemporaryDirectory(prefix="quarterdeck-kvm-", ignore_cleanup_errors=True) as room:
        disk = Path(room) / "boot"
        disk.write_bytes(boot_sector())
        try:
            guest = subprocess.Popen(
                guest_command(disk, accelerator),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=room,
                start_new_session=True,
            )
        except FileNotFoundError:
            return Verdict(State.ABSENT, f"{QEMU} is not installed, so no guest could be tried")
        return _await(guest, deadline)


def _await(guest: subprocess.Popen[bytes], deadline: float) -> Verdict:
    try:
        said, complaint = guest.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        _kill(guest)
        return Verdict(State.BROKEN, f"a guest did not run: no answer within {deadline:g} s")
    if guest.returncode == _EXIT_STATUS and said.endswith(_GREETING):
        return Verdict(State.USABLE, "a guest ran and answered")
    return Verdict(State.BROKEN, f"a guest did not run: {_reason(guest.returncode, complaint)}")


def _reason(status: int, complaint: bytes) -> str:
    """QEMU's first line that is not a mere warning, without the program's name."""
    for line in complaint.decode(errors="replace").splitlines():
        text = line.removeprefix(f"{QEMU}: ").strip()
        if text and not text.startswith("warning:"):
            return text
    return f"QEMU ended with status {status}"


def _kill(guest: subprocess.Popen[bytes]) -> None:
    """Kill by pid. A vCPU stuck in the kernel may outlive SIGKILL for a while: no long wait."""
    guest.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        guest.wait(_REAP_SECONDS)
    for pipe in (guest.stdout, guest.stderr):
        if pipe is not None:
            pipe.close()


def verdict(*, cache: Path = CACHE, boot_id: Path = BOOT_ID, fresh: bool = False) -> Verdict:
    """As `probe`, but asked once a boot: the answer is kept in `cache` under the boot's id.

    A node that is gone is never taken from the cache, nor is its absence kept.
    """
    if not NODE.exists():
        return Verdict(State.ABSENT, f"there is no {NODE}")
    boot = boot_id.read_text().strip()
    known = None if fresh else _recall(cache, boot)
    if known is not None:
        return known
    found = probe()
    if found.state is not State.ABSENT:
        _remember(cache, boot, found)
    return found


def _recall(cache: Path, boot: str) -> Verdict | None:
    try:
        lines = cache.read_text().splitlines()
        if len(lines) == 3 and lines[0] == boot:
            return Verdict(State(lines[1]), lines[2])
    except (OSError, ValueError):
        return None
    return None


def _remember(cache: Path, boot: str, found: Verdict) -> None:
    """Keep the answer. Who may not write there (not root) is asked again next time."""
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        draft = cache.with_name(f".{cache.name}.{os.getpid()}")
        draft.write_text(f"{boot}\n{found.state}\n{found.evidence}\n")
        draft.replace(cache)


def take_out(node: Path = NODE) -> str:
    """Remove the node, so that libvirt emulates instead. Returns how to bring it back.

    Raises OSError where the caller may not.
    """
    number = node.stat().st_rdev
    node.unlink()
    return f"mknod -m 0660 {node} c {os.major(number)} {os.minor(number)} (or a reboot)"


def domain_type() -> str:
    """libvirt's domain type for this machine: `kvm` where it runs a guest, else `qemu`."""
    return "kvm" if verdict().state is State.USABLE else "qemu"
