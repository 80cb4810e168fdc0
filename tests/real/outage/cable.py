"""A station on a veth cable: as a guest's tap does, its plug outlives the switch it is in."""

from __future__ import annotations

from backends.drivers.ovs.steps import AddPort
from backends.plan.inner import port_labels
from tests.real.firewall.station import Station
from tests.real.lab import run


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
        settings, port = self.cloud.settings, self.port
        labels = port_labels(port, settings)
        step = AddPort(settings.bridge, port.interface, self._vlan(), labels)
        self.cloud.machine.apply(step, lambda share: None)

    def unplug(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()
        run("ip", "netns", "del", self.namespace)
