"""The lab node itself: what other tests take for granted of it."""

from __future__ import annotations

import subprocess

import pytest

from tests.real.lab import eventually, run
from tests.real.node.fixtures import NewNode
from tests.real.node.node import Failed, Node

_TARGET = "iqn.2026-01.test.quarterdeck:lun"


@pytest.fixture(scope="module")
def two(new_node: NewNode) -> tuple[Node, Node]:
    return new_node(memory=256, cpus=1), new_node(memory=256, cpus=1, disks=())


@pytest.mark.long
def test_a_thin_volume_is_exported_by_iscsi_and_read_by_qemu_here(two: tuple[Node, Node]) -> None:
    node, _ = two
    node.run("vgcreate", "-q", "vg", node.disk(0), node.disk(1))
    node.run("lvcreate", "-q", "--type", "thin-pool", "-L", "1g", "-n", "pool", "vg")
    node.run("lvcreate", "-q", "-V", "64m", "-T", "vg/pool", "-n", "thin")
    node.run("tgtd")
    eventually(lambda: node.attempt("tgtadm", "--op", "show", "--mode", "sys").returncode == 0)
    admin = ("tgtadm", "--lld", "iscsi", "--mode")
    node.run(*admin, "target", "--op", "new", "--tid", "1", "-T", _TARGET)
    node.run(*admin, "logicalunit", "--op", "new", "--tid", "1", "--lun", "1", "-b", "/dev/vg/thin")
    node.run(*admin, "target", "--op", "bind", "--tid", "1", "-I", "ALL")
    url = f"iscsi://{node.address}/{_TARGET}/1"
    assert "64 MiB" in run("qemu-img", "info", "-f", "raw", url)
    run("qemu-io", "-f", "raw", "-c", "write -P 0x51 0 4k", url)
    node.run("lvcreate", "-q", "-s", "-kn", "-n", "snap", "vg/thin")
    assert node.run("head", "-c", "4", "/dev/vg/snap") == "QQQQ"

    node.reboot()
    assert node.run("lvs", "--noheadings", "-o", "lv_name", "vg").split() == [
        *("pool", "snap", "thin")
    ]
    node.run("lvchange", "-ay", "vg/snap")
    assert node.run("head", "-c", "4", "/dev/vg/snap") == "QQQQ"


def test_nodes_see_each_other_until_one_is_cut_off(two: tuple[Node, Node]) -> None:
    one, other = two
    ping = ("ping", "-c", "1", "-W", "1", "-q", other.address)
    one.run(*ping)
    other.cut_off()
    with pytest.raises(Failed, match="100% packet loss"):
        one.run(*ping)
    other.restore()
    one.run(*ping)
    other.run("true")


def test_nobody_else_gets_in(two: tuple[Node, Node]) -> None:
    node, _ = two
    done = subprocess.run(
        ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
         "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={node.known_hosts}",
         "-o", "IdentityFile=/dev/null", f"root@{node.address}", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr
