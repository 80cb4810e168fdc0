"""What others made stays as it is, also where its name looks like ours."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from backends.destroy import destroy
from tests.real.lab import Lab, eventually, run
from tests.real.life.scripts import INSTANCE, SCRIPTS

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><uuid>{id}</uuid>
  <metadata>
    <q:instance xmlns:q='urn:quarterdeck:1' cloud='{cloud}'>x</q:instance>
  </metadata>
  <memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>
"""


class Strangers:
    """Things that somebody else made by hand, in the places where ours are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suffix = secrets.token_hex(2)
        self.ids = [str(uuid.uuid4()) for _ in range(3)]
        self.bridge = f"br-int-{self.suffix}z"
        self.port = f"tap{self.ids[0][:11]}"
        self.namespaces = [f"qdhcp-{self.ids[1]}", f"qrouter-{self.ids[2]}"]
        self.table = f"quarterdeck-{self.suffix}"
        self.group = f"quarterdeck-{self.suffix}"
        self.device = ""
        self.dnsmasq: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        for id_, cloud in zip(self.ids, ("elsewhere", "t-", "default2"), strict=True):
            path = self.folder / f"{id_}.xml"
            path.write_text(DOMAIN.format(name=f"instance-{id_}", id=id_, cloud=cloud))
            run("virsh", "define", path)
        run("virsh", "start", self.ids[0])
        run(
            *("ovs-vsctl", "add-br", self.bridge, "--", "set", "bridge", self.bridge),
            *("datapath_type=netdev", "external_ids:quarterdeck-cloud=elsewhere"),
        )
        run(
            *("ovs-vsctl", "add-port", self.bridge, self.port, "--", "set", "interface", self.port),
            *("type=internal", f"external_ids:iface-id={self.ids[0]}"),
            f"external_ids:vm-uuid={self.ids[0]}",
        )
        for name in self.namespaces:
            run("ip", "netns", "add", name)
        run("ip", "-n", self.namespaces[0], "link", "set", "lo", "up")
        run("nft", "add", "table", "inet", self.table)
        run("nft", "add", "chain", "inet", self.table, "input")
        run("nft", "add", "rule", "inet", self.table, "input", "tcp", "dport", "22", "counter")
        self._fill_group()
        self._serve()

    def _fill_group(self) -> None:
        """A volume group in a file, with a volume that is named as ours are.

        Its metadata alone: a machine without device-mapper activates nothing.
        """
        backing = self.folder / "disk"
        backing.write_bytes(b"")
        run("truncate", "--size=64M", backing)
        self.device = run("losetup", "--find", "--show", backing).strip()
        run("vgcreate", *self._lvm(), self.group, self.device)
        inactive = ("--activate", "n", "--zero", "n", "--wipesignatures", "n")
        name = f"volume-{self.ids[0]}"
        run(
            *("lvcreate", *self._lvm(), *inactive, "-n", name, "-L", "8m"),
            *("--addtag", "quarterdeck", self.group),
        )

    def _lvm(self) -> tuple[str, ...]:
        return ("--devices", self.device, "--config", "global{activation=0}")

    def _serve(self) -> None:
        """A dnsmasq of somebody else's, in a namespace that looks like one of ours."""
        self.folder.chmod(0o755)
        pid, leases = self.folder / "pid", self.folder / "leases"
        self.dnsmasq = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.namespaces[0], "dnsmasq", "--keep-in-foreground"),
                *("--conf-file=/dev/null", f"--pid-file={pid}", f"--dhcp-leasefile={leases}"),
                *("--bind-interfaces", "--interface=lo", "--user=root"),
            ]
        )
        eventually(pid.exists, "the stranger's dnsmasq")

    def look(self) -> dict[str, str]:
        """All of them, in the machine's own words."""
        ovs = ("ovs-vsctl", "-f", "json", "--columns=_uuid,name,external_ids", "find")
        assert self.dnsmasq is not None
        return {
            **{f"domain {id_}": run("virsh", "dumpxml", id_) for id_ in self.ids},
            "states": "".join(run("virsh", "domstate", id_) for id_ in self.ids),
            "bridge": run(*ovs, "Bridge", f"name={self.bridge}"),
            "port": run(*ovs, "Interface", f"name={self.port}"),
            "ports": run("ovs-vsctl", "list-ports", self.bridge),
            "flows": run("ovs-ofctl", "--no-stats", "dump-flows", self.bridge),
            "link": json.loads(run("ip", "-j", "link", "show", self.port))[0]["address"],
            "volumes": run("lvs", *self._lvm(), "-o", "lv_all", "--noheadings", self.group),
            "group": run("vgs", *self._lvm(), "-o", "vg_all", "--noheadings", self.group),
            "table": run("nft", "list", "table", "inet", self.table),
            **{n: run("ip", "-n", n, "-br", "link") for n in self.namespaces},
            "dnsmasq": str(psutil.Process(self.dnsmasq.pid).create_time()),
        }

    def remove(self) -> None:
        if self.dnsmasq is not None:
            self.dnsmasq.kill()
            self.dnsmasq.wait(10)
        run("virsh", "destroy", self.ids[0], check=False)
        for id_ in self.ids:
            run("virsh", "undefine", id_, check=False)
        run("ovs-vsctl", "--if-exists", "del-br", self.bridge)
        for name in self.namespaces:
            run("ip", "netns", "delete", name, check=False)
        run("nft", "delete", "table", "inet", self.table, check=False)
        if self.device:
            run("vgremove", *self._lvm(), "--force", self.group, check=False)
            run("losetup", "--detach", self.device)


@pytest.fixture
def strangers(daemons: None, tmp_path: Path) -> Iterator[Strangers]:
    # QEMU's and dnsmasq's users need not come here; virsh reads as root.
    found = Strangers(tmp_path)
    try:
        found.make()
        yield found
    finally:
        found.remove()


def live(lab: Lab) -> None:
    """Everything that a cloud does to a machine, once."""
    cloud = lab.cloud
    SCRIPTS["launch"](cloud)
    for verb in ("pause", "unpause", "suspend", "resume", "stop", "start"):
        getattr(cloud.instances, verb)(INSTANCE)
    cloud.instances.reboot(INSTANCE, hard=True)
    cloud.drift.repair()
    SCRIPTS["delete"](cloud)
    SCRIPTS["launch"](cloud)


def test_a_whole_life_changes_nothing_of_others(
    strangers: Strangers, new_lab: Callable[[], Lab]
) -> None:
    before = strangers.look()
    lab = new_lab()
    live(lab)
    found = lab.cloud.drift.show()
    assert not found
    lab.close()
    assert strangers.look() == before


def test_files_next_to_ours_keep_their_folder(lab: Lab) -> None:
    mine = [lab.state / "notes.txt", lab.state / "store.db.bak", lab.state / "mine" / "deep"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n")
    SCRIPTS["launch"](lab.cloud)
    lab.known_ids()
    lab.let_go()
    destroy(lab.access)
    try:
        assert [path.read_text() for path in mine] == ["mine\n"] * 3
        assert {path.name for path in lab.state.iterdir()} == {"notes.txt", "store.db.bak", "mine"}
    finally:
        for path in mine:
            path.unlink()
        (lab.state / "mine").rmdir()
        lab.state.rmdir()
        # Nothing is left for the lab's own end.
        with suppress(FileNotFoundError):
            lab.run.rmdir()


def test_clouds_beside_one_another_do_not_see_each_other(new_lab: Callable[[], Lab]) -> None:
    first, second = new_lab(), new_lab()
    SCRIPTS["launch"](first.cloud)
    before = first.shape(), definitions(first)
    for script in ("launch", "delete", "launch"):
        SCRIPTS[script](second.cloud)
    assert {row.id for row in second.cloud.instances.list(all_projects=True)}.isdisjoint(
        row.id for row in first.cloud.instances.list(all_projects=True)
    )
    assert not second.cloud.drift.show()
    assert set(second.cloud.machine.libvirt.facts()).isdisjoint(first.cloud.machine.libvirt.facts())
    second.close()
    assert (first.shape(), definitions(first)) == before
    first.assert_in_order()
    Lab.guest(first, first.cloud.instances.show(INSTANCE))


def definitions(lab: Lab) -> list[str]:
    """What libvirt has of the cloud, to the byte."""
    ids = sorted(lab.cloud.machine.libvirt.facts())
    return [hashlib.sha256(run("virsh", "dumpxml", id_).encode()).hexdigest() for id_ in ids]
