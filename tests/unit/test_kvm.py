"""KVM's probe, with QEMU's part played by small programs of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.setup import kvm

BOOT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a node, a boot id and no QEMU yet."""
    (tmp_path / "kvm-node").touch()
    (tmp_path / "boot_id").write_text(f"{BOOT}\n")
    monkeypatch.setattr(kvm, "NODE", tmp_path / "kvm-node")
    monkeypatch.setattr(kvm, "QEMU", "qemu-of-the-test")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def play(machine: Path, script: str) -> None:
    """Let a shell script stand where QEMU would, and count its starts in `starts`."""
    program = machine / kvm.QEMU
    program.write_text(f"#!/bin/sh\necho start >>{machine}/starts\n{script}\n")
    program.chmod(0o755)


def starts(machine: Path) -> int:
    return len((machine / "starts").read_text().splitlines())


def ask(machine: Path, *, fresh: bool = False) -> kvm.Verdict:
    return kvm.verdict(cache=machine / "run" / "kvm", boot_id=machine / "boot_id", fresh=fresh)


def test_boot_sector_is_one_sector_with_its_signature() -> None:
    sector = kvm.boot_sector()
    assert len(sector) == 512
    assert sector[510:] == b"\x55\xaa"
    assert sector[0x55:0x57] == b"\x0f\x00", "the descriptor table's register is where lgdt looks"


@pytest.mark.parametrize(
    ("script", "state", "evidence"),
    [
        ("printf QD; exit 33", kvm.State.USABLE, "a guest ran and answered"),
        ("printf noise-QD; exit 33", kvm.State.USABLE, "a guest ran and answered"),
        ("exit 33", kvm.State.BROKEN, "a guest did not run: QEMU ended with status 33"),
        ("printf QD; exit 0", kvm.State.BROKEN, "a guest did not run: QEMU ended with status 0"),
        (
            'say() { echo "${0##*/}: $1" >&2; }; say "warning: no pni"; say "failed: EBUSY"',
            kvm.State.BROKEN,
            "a guest did not run: failed: EBUSY",
        ),
    ],
)
def test_probe_reads_what_the_guest_did(
    machine: Path, script: str, state: kvm.State, evidence: str
) -> None:
    play(machine, script)
    assert kvm.probe() == kvm.Verdict(state, evidence)


def test_probe_does_not_wait_for_a_guest_that_hangs(machine: Path) -> None:
    play(machine, "exec sleep 3600")
    found = kvm.probe(deadline=0.2)
    assert found == kvm.Verdict(kvm.State.BROKEN, "a guest did not run: no answer within 0.2 s")


def test_probe_without_node_or_qemu_is_absent(machine: Path) -> None:
    assert kvm.probe().state is kvm.State.ABSENT
    play(machine, "printf QD; exit 33")
    kvm.NODE.unlink()
    assert kvm.probe() == kvm.Verdict(kvm.State.ABSENT, f"there is no {kvm.NODE}")


def test_verdict_is_asked_for_once_a_boot(machine: Path) -> None:
    play(machine, "printf QD; exit 33")
    assert ask(machine) == ask(machine)
    assert starts(machine) == 1
    (machine / "boot_id").write_text("another\n")
    ask(machine)
    assert starts(machine) == 2
    ask(machine, fresh=True)
    assert starts(machine) == 3


def test_verdict_forgets_nothing_it_cannot_know(machine: Path) -> None:
    """Neither a missing QEMU nor a spoilt cache is taken for an answer."""
    assert ask(machine).state is kvm.State.ABSENT
    play(machine, "exit 1")
    assert ask(machine).state is kvm.State.BROKEN
    (machine / "run" / "kvm").write_text(f"{BOOT}\nperhaps\n?\n")
    play(machine, "printf QD; exit 33")
    assert ask(machine).state is kvm.State.USABLE
    kvm.NODE.unlink()
    assert ask(machine).state is kvm.State.ABSENT
