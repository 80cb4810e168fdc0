"""The doctor on this machine: it is well, and what is broken on purpose is found and named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backends.hosts import local
from backends.setup import doctor, kvm
from backends.setup.check import Status


def a_path_without(name: str, folder: Path) -> str:
    """A folder that holds every tool of this machine but one."""
    for place in local.ENVIRONMENT["PATH"].split(":"):
        for tool in Path(place).iterdir() if Path(place).is_dir() else ():
            if tool.name != name and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    return str(folder)


def test_this_machine_is_fit_for_a_cloud_and_is_told_so() -> None:
    results = doctor.run()
    assert len(results) >= 30
    failed = [f"{r.code}: {r.evidence}" for r in results if r.status is Status.FAIL]
    # The terminal and KVM are the caller's and the lab's; the rest is what the set-up brings.
    assert [line for line in failed if not line.startswith(("terminal.", "kvm."))] == []


def test_a_tool_that_is_missing_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(local.ENVIRONMENT, "PATH", a_path_without("dnsmasq", tmp_path))
    found = {result.code: result for result in doctor.run(["net", "ovs"])}
    assert found["net.dnsmasq"].status is Status.FAIL
    assert found["net.dnsmasq"].evidence == "dnsmasq is not installed"
    assert found["net.dnsmasq"].mend == "apt-get install -y dnsmasq-base"
    others = [result.code for result in found.values() if result.status is Status.FAIL]
    assert others == ["net.dnsmasq"]


def test_a_switch_that_does_not_answer_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(local.ENVIRONMENT, "OVS_RUNDIR", str(tmp_path))
    found = {result.code: result for result in doctor.run(["ovs", "libvirt"])}
    for code in ("ovs.database", "ovs.switch"):
        assert found[code].status is Status.FAIL
        assert found[code].mend == "quarterdeck doctor --mend daemons"
    assert found["libvirt.answers"].status is Status.OK


# In namespaces of its own, where nobody else makes any interface or namespace meanwhile.
_WATCHED = """
import os, socket, subprocess
from backends.setup import doctor
os.makedirs("/run/netns", exist_ok=True)
subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)

def traces():
    return os.listdir("/run/netns"), socket.if_nameindex()

before = traces()
found = doctor.run(["net.namespaces", "net.nftables", "ovs", "libvirt"])
assert len(found) > 5, found
assert traces() == before, (before, traces())
"""


def test_the_doctor_leaves_nothing_behind() -> None:
    argv = ["unshare", "--net", "--mount", sys.executable, "-c", _WATCHED]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_probes_guest_really_runs() -> None:
    """Under emulation, which every machine has: the boot sector reaches long mode and answers."""
    assert kvm.probe("tcg", deadline=30) == kvm.Verdict(
        kvm.State.USABLE, "a guest ran and answered"
    )
