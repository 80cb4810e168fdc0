"""Forms for networks, subnets and ports."""

from __future__ import annotations

from collections.abc import Sequence

from backends.cloud import Cloud
from backends.records.network import Network
from backends.services import addresses
from backends.services.base import good_name
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from console.screens.forms.suggest import (
    addresses_listed,
    description,
    free_range,
    next_name,
    number,
)
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values


class NetworkForm(Form):
    """A new network; its subnets have their own form."""

    heading = "New network"
    fields = (
        Text("name", "Name", good_name),
        Text("mtu", "MTU", number("an MTU", 68, 9216), value="1500"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.networks.list()}
        return {"name": Loaded(next_name("network", taken))}

    def request(self, values: Values) -> Request:
        name, mtu, text = values["name"], int(values["mtu"]), values["description"]
        return Request(
            f"Create network {name}",
            lambda cloud: cloud.networks.create(name, mtu=mtu, description=text),
        )


class SubnetForm(Form):
    """A new subnet."""

    heading = "New subnet"
    fields = (
        Choice("network", "Network"),
        Text("cidr", "Range", addresses.parse_network, hint="10.0.0.0/24"),
        Text("name", "Name", good_name, optional=True),
        Text("gateway", "Gateway", lambda text: _gateway(text), value="auto", hint="or none"),
        Text("dns", "Name servers", addresses_listed, optional=True, hint="addresses"),
        Toggle("dhcp", "DHCP", on=True),
    )

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        networks = cloud.networks.list()
        subnets = cloud.networks.subnets(all_projects=cloud.caller.admin)
        with_subnet = {subnet.network_id for subnet in subnets}
        bare = next((each for each in networks if each.id not in with_subnet), None)
        chosen = bare or (networks[0] if networks else None)
        return {
            "network": Loaded(chosen.id if chosen else "", _options(networks)),
            "cidr": Loaded(free_range(subnet.cidr for subnet in subnets)),
            "name": Loaded(next_name("subnet", {subnet.name for subnet in subnets})),
        }

    def request(self, values: Values) -> Request:
        cidr = addresses.parse_network(values["cidr"])
        if values["gateway"] not in ("auto", "none"):
            gateway = addresses.parse_address(values["gateway"])
            addresses.check_inside(gateway, cidr, "gateway")
        new = NewSubnet(
            network=values["network"],
            cidr=str(cidr),
            name=values["name"],
            gateway=values["gateway"],
            dhcp=bool(values["dhcp"]),
            dns=addresses_listed(values["dns"]),
        )
        return Request(f"Create subnet {cidr}", lambda cloud: cloud.networks.create_subnet(new))


class PortForm(Form):
    """A new, free port."""

    heading = "New port"
    fields = (
        Choice("network", "Network"),
        Text("name", "Name", good_name, optional=True),
        Text("address", "Address", addresses.parse_address, optional=True, hint="the next free"),
        Choice("group", "Security group", optional=True, hint="default"),
    )

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        networks = cloud.networks.list()
        names = {view.port.name for view in cloud.ports.list()}
        return {
            "network": Loaded(networks[0].id if networks else "", _options(networks)),
            "name": Loaded(next_name("port", names)),
            "group": Loaded("", [(each.name, each.id) for each in cloud.security_groups.list()]),
        }

    def request(self, values: Values) -> Request:
        network, name = values["network"], values["name"]
        fixed = [FixedAddress(address=values["address"])] if values["address"] else []
        groups = [values["group"]] if values["group"] else None

        def create(cloud: Cloud) -> object:
            return cloud.ports.create(network, name, fixed=fixed, groups=groups)

        return Request(f"Create port {name}".rstrip(), create)


def _options(networks: Sequence[Network]) -> list[tuple[str, str]]:
    return [(each.name, each.id) for each in networks]


def _gateway(text: str) -> object:
    return text if text in ("auto", "none") else addresses.parse_address(text)
