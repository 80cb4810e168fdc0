"""What is broken behind the cloud's back is shown, and mended without touching what runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import libvirt
import psutil
import pytest

from backends.drivers.libvirt.facts import State
from backends.records.instance import Power
from backends.records.tables import Instance
from backends.settings import dhcp_namespace
from tests.real.lab import Lab, eventually, run

BOOT = "cat /proc/sys/kernel/random/boot_id"


class Scene:
    """A network with two guests: `box` is broken, `other` must not notice."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.network = Lab.network(lab.cloud, "net").id
        self.box = Lab.launch(lab.cloud, "box", "net")
        self.other = Lab.launch(lab.cloud, "other", "net")
        lab.cloud.volumes.create("disk", 1)
        lab.cloud.volumes.attach("disk", "other")
        self.guest, self.bystander = lab.look_at(self.box), lab.look_at(self.other)
        self.guest.ready()
        self.bystander.ready()
        self.boot = self.bystander.run(BOOT)

    def domain(self, instance: Instance) -> libvirt.virDomain:
        return self.lab.cloud.machine.libvirt.connection().lookupByUUIDString(instance.id)

    def qemu(self, instance: Instance) -> psutil.Process:
        return next(
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"].startswith("qemu-system")
            and f"guest=instance-{instance.id}" in " ".join(process.info["cmdline"] or [])
        )

    def shown(self) -> str:
        """The words for what differs now."""
        found = self.lab.cloud.drift.show()
        assert list(found.plan.problems) == []
        assert found.orphans == ()
        return "; ".join(step.text for step in found.plan.steps)

    def mend(self) -> None:
        self.lab.cloud.drift.repair()
        self.lab.assert_in_order()
        assert self.bystander.run(BOOT) == self.boot
        assert "1 packets received" in self.bystander.run(f"ping -c 1 {self.address(self.box)}")

    def address(self, instance: Instance) -> str:
        return self.lab.cloud.instances.row(instance.id).addresses[0]

    def mend_and_reboot(self) -> None:
        """The broken guest is off, and comes up anew."""
        self.guest.forget()
        self.lab.cloud.drift.repair()
        self.guest.ready()
        self.mend()


@pytest.fixture(scope="module")
def scene(shared_lab: Lab) -> Scene:
    return Scene(shared_lab)


@pytest.fixture(autouse=True)
def in_order(scene: Scene) -> None:
    """What one test left broken does not make the next one fail."""
    scene.lab.cloud.drift.repair()
    scene.lab.assert_in_order()


def test_a_killed_qemu(scene: Scene) -> None:
    qemu = scene.qemu(scene.box)
    os.kill(qemu.pid, signal.SIGKILL)
    qemu.wait(10)
    eventually(lambda: not scene.domain(scene.box).isActive(), "libvirt's notice")
    row = scene.lab.cloud.instances.row(scene.box.id)
    assert (row.power, row.state, row.differs) == (Power.RUNNING, State.SHUTOFF, True)
    assert scene.shown().startswith(f"start domain {scene.box.id}")
    scene.mend_and_reboot()


def test_virsh_destroy(scene: Scene) -> None:
    scene.domain(scene.box).destroy()
    assert scene.shown().startswith(f"start domain {scene.box.id}")
    scene.mend_and_reboot()


def test_a_guest_undefined_while_it_runs(scene: Scene) -> None:
    scene.domain(scene.box).undefine()
    assert "define domain" in scene.shown()
    scene.mend()
    assert scene.domain(scene.box).isPersistent()


def test_a_killed_dnsmasq(scene: Scene) -> None:
    pid = scene.lab.cloud.machine.dnsmasq.facts([scene.network])[scene.network].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(pid), "its end")
    assert scene.shown() == f"serve DHCP on network {scene.network}"
    scene.mend()
    renew(scene)


def test_a_deleted_namespace(scene: Scene) -> None:
    run("ip", "netns", "delete", dhcp_namespace(scene.network))
    shown = scene.shown()
    assert f"add namespace {dhcp_namespace(scene.network)}" in shown
    assert f"serve DHCP on network {scene.network}" in shown
    scene.mend()
    renew(scene)


def test_an_edited_hosts_file(scene: Scene) -> None:
    path = scene.lab.cloud.settings.dhcp(scene.network) / "hosts"
    path.write_text("")
    assert scene.shown() == f"serve DHCP on network {scene.network}"
    scene.mend()


def test_a_port_taken_off_the_switch(scene: Scene) -> None:
    tap = scene.lab.cloud.ports.list(device=scene.box.id)[0].port.interface
    run("ovs-vsctl", "del-port", tap)
    assert f"add port {tap} to {scene.lab.cloud.settings.bridge}, VLAN 1" in scene.shown()
    scene.mend()


def test_a_wrong_vlan(scene: Scene) -> None:
    tap = scene.lab.cloud.ports.list(device=scene.box.id)[0].port.interface
    run("ovs-vsctl", "set", "port", tap, "tag=99")
    assert f"add port {tap} to {scene.lab.cloud.settings.bridge}, VLAN 1" in scene.shown()
    scene.mend()


def test_an_empty_flow_table(scene: Scene) -> None:
    run("ovs-ofctl", "del-flows", scene.lab.cloud.settings.bridge)
    assert scene.bystander.attempt(f"ping -c 1 -W 1 {scene.address(scene.box)}")[0] != 0
    assert "flows" in scene.shown()
    scene.mend()


def test_a_definition_with_other_ram(scene: Scene) -> None:
    domain = scene.domain(scene.box)
    xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    connection = scene.lab.cloud.machine.libvirt.connection()
    connection.defineXML(xml.replace(">98304<", ">131072<"))
    assert "131072" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert scene.shown() == f"define domain instance-{scene.box.id} (box)"
    boot = scene.guest.run(BOOT)
    scene.mend()
    assert scene.guest.run(BOOT) == boot
    assert "131072" not in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def test_a_disk_unplugged_by_hand(scene: Scene) -> None:
    cloud = scene.lab.cloud
    volume = cloud.volumes.show("disk").volume.id
    run("virsh", "detach-disk", scene.other.id, "vdb", "--live")
    eventually(lambda: "attach" in scene.shown(), "the guest's consent")
    assert f"attach {volume} to domain {scene.other.id} as vdb" in scene.shown()
    scene.mend()
    scene.bystander.disk(volume)


@pytest.mark.parametrize("kind", ["network", "project", "image"])
def test_a_deleted_label(scene: Scene, kind: str) -> None:
    for path in (scene.lab.state / "labels" / kind).iterdir():
        path.unlink()
    assert f"label {kind} " in scene.shown()
    scene.mend()


def test_a_guest_that_powers_itself_off_is_followed(scene: Scene) -> None:
    cloud = scene.lab.cloud
    scene.guest.type("poweroff")
    eventually(lambda: not scene.domain(scene.box).isActive(), "the guest's end")
    cloud.drift.repair()
    assert cloud.instances.show(scene.box.id).power is Power.STOPPED
    assert cloud.instances.row(scene.box.id).status == "SHUTOFF"
    scene.lab.assert_in_order()
    scene.guest.forget()
    cloud.instances.start(scene.box.id)
    scene.guest.ready()
    scene.mend()


def test_a_guest_that_powered_itself_off_starts_when_asked(scene: Scene) -> None:
    """Also where its record has not followed yet."""
    scene.guest.type("poweroff")
    eventually(lambda: not scene.domain(scene.box).isActive(), "the guest's end")
    scene.guest.forget()
    scene.lab.cloud.instances.start(scene.box.id)
    assert scene.domain(scene.box).isActive()
    scene.guest.ready()
    scene.mend()


def test_a_reboot_of_the_host(scene: Scene) -> None:
    """As far as it can be had: what lives in memory is gone, what is on disk is there."""
    lab, cloud = scene.lab, scene.lab.cloud
    shape = lab.shape()
    pid = cloud.machine.dnsmasq.facts([scene.network])[scene.network].pid
    for instance in (scene.box, scene.other):
        scene.domain(instance).destroy()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    run("ip", "netns", "delete", dhcp_namespace(scene.network))
    run("ovs-vsctl", "del-br", cloud.settings.bridge)
    for path in lab.run.rglob("*"):
        if path.is_file() or path.is_socket():
            path.unlink()
    scene.guest.forget()
    scene.bystander.forget()
    lab.reopen().drift.repair()
    assert without_consoles(lab.shape()) == without_consoles(shape)
    lab.assert_in_order()
    scene.guest.ready()
    scene.bystander.ready()
    scene.boot = scene.bystander.run(BOOT)
    scene.mend()


def without_consoles(shape: str) -> list[str]:
    """Who looks at a console is no part of the cloud."""
    return [line for line in shape.splitlines() if "/consoles/" not in line]


def renew(scene: Scene) -> None:
    """The guest gets its lease from whoever serves now."""
    leases: Callable[[], list[object]] = lambda: [  # noqa: E731
        lease.address for lease in scene.lab.cloud.machine.dnsmasq.leases(scene.network)
    ]
    scene.guest.run("kill -USR1 $(pidof udhcpc)")
    eventually(lambda: scene.address(scene.box) in leases(), "a lease")


def test_the_store_is_not_in_the_way_of_a_look(scene: Scene, tmp_path: Path) -> None:
    """A look changes nothing, also not what is wrong."""
    tap = scene.lab.cloud.ports.list(device=scene.box.id)[0].port.interface
    run("ovs-vsctl", "set", "port", tap, "tag=98")
    before = scene.lab.shape()
    scene.shown()
    assert run("ovs-vsctl", "get", "port", tap, "tag").strip() == "98"
    assert scene.lab.shape() == before
    scene.mend()
