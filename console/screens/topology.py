"""Topology: which instance hangs on which network, drawn with characters."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from backends.errors import MachineFailed
from console.screens.instances import Item, status_text, status_tone
from console.screens.panel import Panel
from console.widgets.lines import Lines
from console.widgets.rails import Guest, Net, draw

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.network import Network, Subnet
    from backends.services.port import PortView

_DHCP = "network:dhcp"


class Topology(Panel):
    """Networks as rails, instances on them. Enter opens, or unfolds."""

    slug = "topology"
    heading = "Topology"
    topics = frozenset({"records", "domains"})
    kinds = ("topology",)

    def __init__(self) -> None:
        super().__init__()
        self.text = Lines(cursor=True)
        self._found: tuple[list[Net], list[Guest]] = ([], [])
        self._unfolded: set[str] = set()
        self._filter = ""

    def compose(self) -> ComposeResult:
        """Only the drawing."""
        yield self.text

    def load(self, cloud: Cloud) -> Any:
        """Networks and instances, as they are drawn."""
        everyone = self.desk.everyone
        known = True
        try:
            rows = cloud.instances.list(all_projects=everyone)
        except MachineFailed:
            rows, known = cloud.instances.recorded(all_projects=everyone), False
        subnets: dict[str, list[Subnet]] = defaultdict(list)
        for subnet in cloud.networks.subnets(all_projects=everyone):
            subnets[subnet.network_id].append(subnet)
        hung: dict[str, list[str]] = defaultdict(list)
        ports: dict[str, list[PortView]] = defaultdict(list)
        for view in cloud.ports.list(all_projects=everyone):
            hung[view.port.device_id].append(view.port.network_id)
            ports[view.port.network_id].append(view)
        nets = [
            _net(each, subnets[each.id], ports[each.id])
            for each in cloud.networks.list(all_projects=everyone)
        ]
        guests = []
        for row in rows:
            item = Item(row, "", "", known)
            on = tuple(dict.fromkeys(hung[row.id]))
            guests.append(
                Guest(row.id, row.name, status_text(item), status_tone(item), on,
                      ", ".join(row.addresses))
            )  # fmt: skip
        return nets, guests

    def show(self, found: Any) -> None:
        """Draw them."""
        self._found = nets, guests = found
        self.text.update(draw(nets, guests, self._unfolded))

    def ids(self) -> list[str]:
        """The id of what the line under the cursor is."""
        return [self.text.key.partition(":")[2]] if self.text.key else []

    @property
    def summary(self) -> str:
        """How many of each."""
        nets, guests = self._found
        return f"{len(nets):,} networks · {len(guests):,} instances"

    def filter(self, text: str) -> None:
        """Show where it matches."""
        self._filter = text
        hits = self.text.find(text)
        if text:
            self.desk.say(f"{hits} lines match", "" if hits else "warn")

    @property
    def filtered(self) -> str:
        """What is looked for."""
        return self._filter

    def on_lines_opened(self, message: Lines.Opened) -> None:
        """Enter opens a network's ports or describes an instance; a fold is turned."""
        message.stop()
        kind, _, id_ = message.key.partition(":")
        if kind == "fold":
            self._unfolded ^= {id_}
            self.show(self._found)
        elif kind == "network":
            from console.screens.networks import Ports

            self.desk.drill(Ports(id_, self._called(id_)))
        else:
            self.describe()

    def describe(self) -> None:
        """All there is to know about the line's thing."""
        from console.screens.describe import Describe

        kind, _, id_ = self.text.key.partition(":")
        if kind in ("network", "instance"):
            self.desk.drill(Describe(kind, id_, self._called(id_)))

    def yaml(self) -> None:
        """Its record as YAML."""
        from console.screens.describe import Yaml

        kind, _, id_ = self.text.key.partition(":")
        if kind in ("network", "instance"):
            self.desk.drill(Yaml(kind, id_, self._called(id_)))

    def _called(self, id_: str) -> str:
        nets, guests = self._found
        names = {net.id: net.name for net in nets} | {guest.id: guest.name for guest in guests}
        return names.get(id_, id_)


def _net(network: Network, subnets: list[Subnet], ports: list[PortView]) -> Net:
    served = {
        subnet_id: address
        for view in ports
        if view.port.device_owner == _DHCP
        for subnet_id, address in view.addresses
    }
    lines = []
    for subnet in subnets:
        dhcp = f"  DHCP {served[subnet.id]}" if subnet.id in served else ""
        gateway = f"  gateway {subnet.gateway_ip}" if subnet.gateway_ip else ""
        lines.append(f"{subnet.cidr}{gateway}{dhcp}")
    free = sum(not view.port.device_id for view in ports)
    note = f"MTU {network.mtu}" + ("  shared" if network.shared else "")
    note += f"  {free} free ports" if free else ""
    return Net(network.id, network.name, note, tuple(lines))
