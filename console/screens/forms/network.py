"""Forms for networks, subnets and ports."""

from __future__ import annotations

from collections.abc import Sequence

from backends.cloud import Cloud
from backends.errors import Refused
from backends.plan.subnet_modes import MODES
from backends.records.network import Network
from backends.services import addresses
from backends.services.base import good_name
from backends.services.dns_name import good_dns_domain, good_dns_name
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from backends.services.provider import VNIS, Provider
from console.screens.forms.suggest import (
    addresses_listed,
    description,
    free_range,
    next_name,
    number,
    options_listed,
    qos_options,
)
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values


class NetworkForm(Form):
    """A new network; its subnets have their own form."""

    heading = "New network"
    fields = (
        Text("name", "Name", good_name),
        Text("mtu", "MTU", number("an MTU", 68, 9216), optional=True, hint="what fits"),
        Choice("type", "Type", optional=True, hint="what is usual here"),
        Text(
            "segment",
            "Segment",
            number("a segment", 1, VNIS[-1]),
            optional=True,
            hint="its VLAN, or its VNI of VXLAN",
        ),
        Toggle("security", "Filter ports", on=True),
        Choice("qos", "QoS policy", optional=True, hint="the project's default"),
        Toggle("shared", "Shared"),
        Toggle("external", "External"),
        Text("domain", "DNS domain", good_dns_domain, optional=True, hint="the cloud's own"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.networks.list()}
        return {
            "name": Loaded(next_name("network", taken)),
            "type": Loaded("", tuple((each, each) for each in ("local", "flat", "vlan", "vxlan"))),
            "qos": Loaded("", qos_options(self.cloud)),
        }

    def request(self, values: Values) -> Request:
        name, text = values["name"], values["description"]
        mtu = int(values["mtu"]) if values["mtu"] else None
        segment = int(values["segment"]) if values["segment"] else None
        if segment and not values["type"]:
            raise Refused("form.type", "a segment is of a type: say which, vlan or vxlan")
        lies = Provider(values["type"], segment=segment) if values["type"] else None

        def create(cloud: Cloud) -> object:
            return cloud.networks.create(
                name,
                mtu=mtu,
                description=text,
                shared=bool(values["shared"]),
                external=bool(values["external"]),
                provider=lies,
                port_security=bool(values["security"]),
                qos_policy=values["qos"] or None,
                dns_domain=values["domain"],
            )

        return Request(f"Create network {name}", create)


class SubnetForm(Form):
    """A new subnet."""

    heading = "New subnet"
    fields = (
        Choice("network", "Network"),
        Choice("pool", "From the pool", optional=True, hint="none: the range below"),
        Text("cidr", "Range", addresses.parse_network, optional=True, hint="the lowest free one"),
        Text(
            "length", "Length", number("a length", 1, 128), optional=True, hint="of a pool, as 24"
        ),
        Text("name", "Name", good_name, optional=True),
        Text("gateway", "Gateway", lambda text: gateway(text), value="auto", hint="or none"),
        Text("dns", "Name servers", addresses_listed, optional=True, hint="addresses"),
        Toggle("dhcp", "DHCP", on=True),
        Choice("mode", "IPv6 mode", optional=True, hint="stateful with DHCP, else slaac"),
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
            "mode": Loaded("", [(each, each) for each in MODES]),
            "pool": Loaded("", [(each.name, each.id) for each in cloud.subnet_pools.list()]),
            "cidr": Loaded(free_range(subnet.cidr for subnet in subnets)),
            "name": Loaded(next_name("subnet", {subnet.name for subnet in subnets})),
        }

    def changed(self, name: str) -> None:
        """A pool gives a range; one that was only suggested is none of its."""
        cidr = self.row("cidr")
        if name == "pool" and self.row("pool").value and not cidr.touched:
            cidr.take(Loaded(""))

    def request(self, values: Values) -> Request:
        cidr = addresses.parse_network(values["cidr"]) if values["cidr"] else None
        if cidr is not None and values["gateway"] not in ("auto", "none"):
            held = addresses.parse_address(values["gateway"])
            addresses.check_inside(held, cidr, "gateway")
        new = NewSubnet(
            network=values["network"],
            cidr=str(cidr or ""),
            subnet_pool=values["pool"],
            prefix_length=int(values["length"]) if values["length"] else None,
            name=values["name"],
            gateway=values["gateway"],
            dhcp=bool(values["dhcp"]),
            ra_mode=values["mode"] or None,
            address_mode=values["mode"] or None,
            dns=addresses_listed(values["dns"]),
        )
        title = f"Create subnet {cidr or values['name']}".rstrip()
        return Request(title, lambda cloud: cloud.networks.create_subnet(new))


class PortForm(Form):
    """A new, free port."""

    heading = "New port"
    fields = (
        Choice("network", "Network"),
        Text("name", "Name", good_name, optional=True),
        Text("address", "Address", addresses.parse_address, optional=True, hint="the next free"),
        Choice("group", "Security group", optional=True, hint="default"),
        Choice("qos", "QoS policy", optional=True, hint="its network's"),
        Text("dns_name", "DNS name", good_dns_name, optional=True, hint="made of its address"),
        Text("options", "DHCP options", options_listed, optional=True, hint="mtu=1400 T1=60"),
    )

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        networks = cloud.networks.list()
        names = {view.port.name for view in cloud.ports.list()}
        return {
            "network": Loaded(networks[0].id if networks else "", _options(networks)),
            "name": Loaded(next_name("port", names)),
            "qos": Loaded("", qos_options(cloud)),
            "group": Loaded("", [(each.name, each.id) for each in cloud.security_groups.list()]),
        }

    def request(self, values: Values) -> Request:
        network, name = values["network"], values["name"]
        fixed = [FixedAddress(address=values["address"])] if values["address"] else []
        groups = [values["group"]] if values["group"] else None
        dns_name, options = values["dns_name"], options_listed(values["options"])

        def create(cloud: Cloud) -> object:
            return cloud.ports.create(
                network,
                name,
                fixed=fixed,
                groups=groups,
                qos_policy=values["qos"] or None,
                dns_name=dns_name,
                options=options,
            )

        return Request(f"Create port {name}".rstrip(), create)


def _options(networks: Sequence[Network]) -> list[tuple[str, str]]:
    return [(each.name, each.id) for each in networks]


def gateway(text: str) -> object:
    """A check: `auto`, `none` or an address. Raises Refused `network.address.invalid`."""
    return text if text in ("auto", "none") else addresses.parse_address(text)
