"""Ports that come into a running guest and leave it, and cables that are pulled."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backends.errors import MachineFailed, NotFound, Refused
from backends.records.operation import Outcome
from backends.records.tables import Instance, Port
from tests.real.guest import Guest
from tests.real.lab import Lab, eventually, run
from tests.real.life.scripts import BARE

SECOND = "172.16.2.0/24"


@dataclass
class Berth:
    """A running guest on `first`, beside the network `second`."""

    lab: Lab
    instance: Instance
    guest: Guest

    def ports(self) -> list[Port]:
        return [view.port for view in self.lab.cloud.ports.list(device=self.instance.id)]

    def nic(self, port: Port) -> str:
        """The name that the guest has for a port's interface, once it has one."""
        found = f"grep -l {port.mac} /sys/class/net/*/address"
        self.guest.run(f"until {found} >/dev/null; do usleep 20000; done")
        return self.guest.run(found).split("/")[4]

    def has(self, mac: str) -> bool:
        return self.guest.attempt(f"grep -q {mac} /sys/class/net/*/address")[0] == 0

    def address(self, port: Port) -> str:
        ((_, address),) = self.lab.cloud.ports.show(port.id).addresses
        return address

    def carrier(self, nic: str) -> str:
        return self.guest.run(f"cat /sys/class/net/{nic}/carrier")

    def reaches_dhcp(self, port: Port, nic: str) -> bool:
        """Whether the network's DHCP server answers to it."""
        cloud = self.lab.cloud
        (server,) = (
            view
            for view in cloud.ports.list(network=port.network_id)
            if view.port.device_owner == "network:dhcp"
        )
        ((_, address),) = server.addresses
        return self.guest.attempt(f"ping -c 1 -W 1 -I {nic} {address}")[0] == 0


@pytest.fixture(scope="module")
def berth(shared_lab: Lab) -> Berth:
    cloud = shared_lab.cloud
    shared_lab.network(cloud, "first")
    shared_lab.network(cloud, "second", SECOND)
    instance = shared_lab.launch(cloud, "boat", "first")
    return Berth(shared_lab, instance, shared_lab.guest(instance))


def test_a_port_comes_and_goes_while_the_guest_runs(berth: Berth) -> None:
    cloud = berth.lab.cloud
    given = cloud.ports.create("second", "given")
    cloud.plugging.add_port("boat", "given")
    nic = berth.nic(given)
    address = berth.address(given)
    berth.guest.run(f"until ip address show {nic} | grep -q {address}/24; do usleep 50000; done")
    assert berth.reaches_dhcp(given, nic)
    berth.lab.assert_in_order()
    with pytest.raises(Refused) as refused:
        cloud.ports.delete("given")
    assert refused.value.code == "port.in_use"
    cloud.plugging.remove_port("boat", "given")
    assert not berth.has(given.mac)
    assert given.interface not in run("ovs-vsctl", "list-ports", cloud.settings.bridge)
    free = cloud.ports.show("given").port
    assert (free.device_id, free.host, free.leaving) == ("", "", False)
    cloud.ports.delete("given")
    berth.lab.assert_in_order()


def test_a_network_can_be_plugged_twice_and_goes_with_all_its_ports(berth: Berth) -> None:
    cloud = berth.lab.cloud
    made = [cloud.plugging.add_network("boat", "second") for _ in range(2)]
    for port in made:
        berth.nic(port)
    assert [port.position for port in berth.ports()] == [0, 1, 2]
    cloud.plugging.remove_network("boat", "second")
    assert [port.position for port in berth.ports()] == [0]
    assert not any(berth.has(port.mac) for port in made)
    with pytest.raises(NotFound):
        cloud.ports.show(made[0].id)
    berth.lab.assert_in_order()


def test_the_guest_of_a_port_that_is_down_sees_its_cable_pulled(berth: Berth) -> None:
    cloud = berth.lab.cloud
    (port,) = berth.ports()
    nic = berth.nic(port)
    for down, up in (
        (lambda: cloud.ports.set(port.id, admin_state_up=False),
         lambda: cloud.ports.set(port.id, admin_state_up=True)),
        (lambda: cloud.networks.set("first", admin_state_up=False),
         lambda: cloud.networks.set("first", admin_state_up=True)),
    ):  # fmt: skip
        assert berth.reaches_dhcp(port, nic)
        down()
        eventually(lambda: berth.carrier(nic) == "0", "the cable pulled")
        assert not berth.reaches_dhcp(port, nic)
        number = run("ovs-vsctl", "get", "Interface", port.interface, "ofport").strip()
        flows = run("ovs-ofctl", "dump-flows", cloud.settings.bridge, f"in_port={number}")
        assert "actions=" not in flows
        berth.lab.assert_in_order()
        up()
        eventually(lambda: berth.carrier(nic) == "1", "the cable in again")
    assert berth.reaches_dhcp(port, nic)
    berth.lab.assert_in_order()


def test_an_address_more_is_let_through_and_one_less_is_not(berth: Berth) -> None:
    cloud = berth.lab.cloud
    (port,) = berth.ports()
    nic = berth.nic(port)
    (server,) = (v for v in cloud.ports.list(network="first") if "dhcp" in v.port.device_owner)
    ((_, target),) = server.addresses
    berth.guest.run(f"ip address add 172.16.1.77/24 dev {nic}")
    ask = f"ping -c 1 -W 1 -I 172.16.1.77 {target}"
    assert berth.guest.attempt(ask)[0] != 0
    cloud.plugging.add_address("boat", "first", address="172.16.1.77")
    assert berth.guest.attempt(ask)[0] == 0
    cloud.plugging.remove_address("boat", "172.16.1.77")
    assert berth.guest.attempt(ask)[0] != 0
    berth.guest.run(f"ip address del 172.16.1.77/24 dev {nic}")
    berth.lab.assert_in_order()


def test_a_stopped_guest_has_it_when_it_starts(berth: Berth) -> None:
    cloud = berth.lab.cloud
    cloud.instances.stop("boat")
    port = cloud.plugging.add_network("boat", "second")
    other = cloud.plugging.add_network("boat", "second")
    cloud.plugging.remove_port("boat", other.id)
    berth.lab.assert_in_order()
    berth.guest.forget()
    cloud.instances.start("boat")
    berth.guest.ready()
    berth.nic(port)
    assert not berth.has(other.mac)
    cloud.plugging.remove_network("boat", "second")
    berth.lab.assert_in_order()


def test_what_libvirt_refuses_is_taken_back(berth: Berth) -> None:
    """Something else has the tap's name: the port is as free as it was."""
    cloud = berth.lab.cloud
    given = cloud.ports.create("second", "unlucky")
    run("ip", "link", "add", given.interface, "type", "bridge")
    try:
        with pytest.raises(MachineFailed):
            cloud.plugging.add_port("boat", "unlucky")
    finally:
        run("ip", "link", "del", given.interface)
    assert cloud.operations.list(limit=1)[0].outcome is Outcome.UNDONE
    assert cloud.ports.show("unlucky").port.device_id == ""
    berth.lab.assert_in_order()
    cloud.plugging.add_port("boat", "unlucky")
    assert berth.nic(given)
    cloud.plugging.remove_port("boat", "unlucky")
    cloud.ports.delete("unlucky")


@pytest.mark.long
def test_slots_run_out_and_what_was_there_stays(berth: Berth) -> None:
    cloud = berth.lab.cloud
    before = len(berth.ports())

    def fill() -> None:
        for _ in range(32):
            cloud.plugging.add_network("boat", "second")

    with pytest.raises(MachineFailed) as refused:
        fill()
    assert refused.value.code == "instance.slots"
    assert cloud.operations.list(limit=1)[0].outcome is Outcome.UNDONE
    assert len(berth.ports()) > before + 4
    berth.lab.assert_in_order()
    cloud.plugging.remove_network("boat", "second")
    assert len(berth.ports()) == before
    berth.lab.assert_in_order()


@pytest.mark.long
def test_a_port_that_the_guest_keeps_stays(lab: Lab) -> None:
    """Firmware alone lets go of nothing; the floating state of the record is as it was."""
    cloud = lab.cloud
    lab.network(cloud, BARE)
    instance = lab.launch(cloud, "deaf", BARE)
    run("virsh", "reset", instance.id)
    run("virsh", "suspend", instance.id)
    (view,) = cloud.ports.list(device=instance.id)
    with pytest.raises(MachineFailed) as refused:
        cloud.plugging.remove_port("deaf", view.port.id)
    assert refused.value.code == "port.detach.refused"
    assert not cloud.ports.show(view.port.id).port.leaving
    assert cloud.operations.list(limit=1)[0].outcome is Outcome.UNDONE
