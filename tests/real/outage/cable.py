"""Plugs that outlive the switch they are in: a station's veth cable, and a real guest's tap."""

from __future__ import annotations

from pathlib import Path

from backends.cloud import Cloud
from backends.drivers.ovs.steps import AddPort
from backends.lab.image import LabImage
from backends.plan.inner import port_labels
from backends.records.tables import Port
from tests.real.firewall.station import Station
from tests.real.lab import run
from tests.real.test_lab_image import Guest, direct

# In userspace nobody computes the checksums that a guest leaves to its card.
_OFFLOADS = (
    "csum", "gso", "host_tso4", "host_tso6", "host_ecn", "host_ufo",
    "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo",
)  # fmt: skip


class Cable(Station):
    """What a guest would be, but that nothing of it ends with ovs-vswitchd."""

    def plug(self) -> None:
        name = self.port.interface
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", name,
            "netns", self.namespace)  # fmt: skip
        run("ip", "link", "set", name, "up")
        run("ethtool", "-K", name, "tx", "off")
        self.plug_in()
        self.ip("link", "set", "lo", "up")
        self.run("ethtool", "-K", name, "tx", "off")
        self.ip("link", "set", name, "address", self.port.mac, "up")
        self.ip("address", "add", f"{self.v4}/24", "dev", name)

    def plug_in(self) -> None:
        """Plug the cable into the switch."""
        _plug_in(self.cloud, self.port, self._vlan())

    @property
    def vlan(self) -> int:
        """Its network's on the switch."""
        return self._vlan()

    def unplug(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()
        run("ip", "netns", "del", self.namespace)


class Tap:
    """A guest that is not libvirt's, which knows the machine's own switch alone; its network is
    the cloud's, its address from the cloud's DHCP."""

    def __init__(self, beside: Cable, port: Port, image: LabImage, folder: Path) -> None:
        self.port = port
        run("ip", "tuntap", "add", "dev", port.interface, "mode", "tap")
        run("ip", "link", "set", port.interface, "up")
        _plug_in(beside.cloud, port, beside.vlan)
        off = ",".join(f"{each}=off" for each in _OFFLOADS)
        self.guest = Guest(
            folder, "-machine", "q35", *direct(image),
            "-netdev", f"tap,id=t0,ifname={port.interface},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=t0,mac={port.mac},{off}",
        )  # fmt: skip

    def close(self) -> None:
        self.guest.close()
        run("ip", "link", "delete", self.port.interface)


def _plug_in(cloud: Cloud, port: Port, vlan: int) -> None:
    labels = port_labels(port, cloud.settings)
    step = AddPort(cloud.settings.bridge, port.interface, vlan, labels)
    cloud.machine.apply(step, lambda share: None)
