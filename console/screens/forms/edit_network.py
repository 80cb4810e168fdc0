"""Forms that change networks, subnets, ports, routers and floating IPs."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.services.base import good_name
from backends.services.dhcp_option import DhcpOption
from backends.services.dns_name import good_dns_domain, good_dns_name
from backends.services.port import AddressPair, FixedAddress, PortView
from console.screens.forms.edit import Changes, EditForm, flag, given, listed, named
from console.screens.forms.network import gateway
from console.screens.forms.routing import lendable
from console.screens.forms.suggest import (
    addresses_listed,
    description,
    number,
    options_listed,
    options_shown,
    qos_options,
)
from console.widgets.fields import Choice, Loaded, Text, Toggle

Verb = Callable[[Cloud], object]
_NAME = Text("name", "Name", good_name)
_OPTIONAL_NAME = Text("name", "Name", good_name, optional=True)
_DESCRIPTION = Text("description", "Description", description, optional=True)
_NOBODY = "nobody"


class NetworkEdit(EditForm):
    """What can be changed of a network."""

    heading = "Change network"
    fields = (
        _NAME,
        Text("mtu", "MTU", number("an MTU", 68, 9216)),
        Toggle("up", "Switched on"),
        Toggle("security", "Filter ports"),
        Choice("qos", "QoS policy", optional=True, hint="none: as fast as it can"),
        Text("services", "Host services", optional=True, hint="tcp:53 of this host"),
        Text("domain", "DNS domain", good_dns_domain, optional=True, hint="the cloud's own"),
        _DESCRIPTION,
    )

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.networks.show(self.subject)
        return {
            "name": Loaded(row.name),
            "mtu": Loaded(str(row.mtu)),
            "up": flag(row.admin_state_up),
            "security": flag(row.port_security),
            "qos": Loaded(row.qos_policy_id or "", qos_options(self.cloud)),
            "services": Loaded(" ".join(row.host_services)),
            "domain": Loaded(row.dns_domain),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Verb:
        id_, mtu = self.subject, changes.get("mtu")
        return lambda cloud: cloud.networks.set(
            id_,
            name=changes.get("name"),
            mtu=None if mtu is None else int(mtu),
            description=changes.get("description"),
            admin_state_up=given(changes, "up"),
            port_security=given(changes, "security"),
            qos_policy=changes.get("qos"),
            host_services=listed(changes["services"]) if "services" in changes else None,
            dns_domain=changes.get("domain"),
        )


class SubnetEdit(EditForm):
    """What can be changed of a subnet; guests learn it when they renew their lease."""

    heading = "Change subnet"
    fields = (
        _OPTIONAL_NAME,
        Text("gateway", "Gateway", gateway, hint="an address, auto or none"),
        Text("dns", "Name servers", addresses_listed, optional=True, hint="addresses"),
        Text("routes", "Host routes", lambda text: _routes(text), optional=True,
             hint="10.9.0.0/16=10.0.0.7, one or more"),
        Toggle("dhcp", "DHCP"),
    )  # fmt: skip

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.networks.subnet(self.subject)
        return {
            "name": Loaded(row.name),
            "gateway": Loaded(row.gateway_ip or "none"),
            "dns": Loaded(" ".join(row.dns_nameservers)),
            "routes": Loaded(
                " ".join(f"{each['destination']}={each['nexthop']}" for each in row.host_routes)
            ),
            "dhcp": flag(row.enable_dhcp),
        }

    def change(self, changes: Changes) -> Verb:
        id_ = self.subject
        return lambda cloud: cloud.networks.set_subnet(
            id_,
            name=changes.get("name"),
            gateway=changes.get("gateway"),
            dns=addresses_listed(changes["dns"]) if "dns" in changes else None,
            host_routes=_routes(changes["routes"]) if "routes" in changes else None,
            dhcp=given(changes, "dhcp"),
        )


class PortEdit(EditForm):
    """What can be changed of a port, plugged or not."""

    heading = "Change port"
    fields = (
        _OPTIONAL_NAME,
        Text("fixed", "Addresses", addresses_listed, optional=True),
        Text("groups", "Groups", optional=True, hint="names, with commas between them"),
        Text("allowed", "Also allowed", lambda text: _pairs(text), optional=True,
             hint="10.0.0.9, or 10.0.0.0/24=MAC"),
        Choice("qos", "QoS policy", optional=True, hint="its network's"),
        Text("dns_name", "DNS name", good_dns_name, optional=True, hint="made of its address"),
        Text("options", "DHCP options", options_listed, optional=True, hint="mtu=1400"),
        Toggle("security", "Filter it"),
        Toggle("up", "Switched on"),
    )  # fmt: skip

    def begin(self) -> dict[str, Loaded]:
        view = self.cloud.ports.show(self.subject)
        return {
            "name": Loaded(view.port.name),
            "fixed": Loaded(" ".join(address for _, address in view.addresses)),
            "groups": Loaded(", ".join(view.groups)),
            "qos": Loaded(view.port.qos_policy_id or "", qos_options(self.cloud)),
            "allowed": Loaded(_allowed(view)),
            "dns_name": Loaded(view.port.dns_name),
            "options": Loaded(options_shown(view.port.extra_dhcp_opts)),
            "security": flag(view.port.port_security),
            "up": flag(view.port.admin_state_up),
        }

    def change(self, changes: Changes) -> Verb:
        id_ = self.subject
        options = None
        if "options" in changes:
            recorded = self.cloud.ports.show(id_).port.extra_dhcp_opts
            options = [*_without_value(recorded), *options_listed(changes["options"])]
        return lambda cloud: cloud.ports.set(
            id_,
            dns_name=changes.get("dns_name"),
            options=options,
            name=changes.get("name"),
            groups=named(changes["groups"]) if "groups" in changes else None,
            fixed=_fixed(changes["fixed"]) if "fixed" in changes else None,
            qos_policy=changes.get("qos"),
            allowed=_pairs(changes["allowed"]) if "allowed" in changes else None,
            port_security=given(changes, "security"),
            admin_state_up=given(changes, "up"),
        )


def _without_value(recorded: list[dict[str, str]]) -> list[DhcpOption]:
    """What takes all of these options away."""
    return [DhcpOption(each["opt_name"], "", int(each["ip_version"])) for each in recorded]


def _fixed(text: str) -> list[FixedAddress]:
    return [FixedAddress(address=each) for each in addresses_listed(text)]


class RouterEdit(EditForm):
    """What can be changed of a router; its gateway and its interfaces have their own forms."""

    heading = "Change router"
    fields = (
        _NAME,
        Toggle("up", "Switched on"),
        Text("routes", "Routes", lambda text: _routes(text), optional=True,
             hint="10.9.0.0/16=10.0.0.7, one or more"),
        _DESCRIPTION,
    )  # fmt: skip

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.routers.show(self.subject).router
        routes = (f"{each['destination']}={each['nexthop']}" for each in row.routes)
        return {
            "name": Loaded(row.name),
            "up": flag(row.admin_state_up),
            "routes": Loaded(" ".join(routes)),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Verb:
        id_ = self.subject
        return lambda cloud: cloud.routers.set(
            id_,
            name=changes.get("name"),
            description=changes.get("description"),
            routes=_routes(changes["routes"]) if "routes" in changes else None,
            admin_state_up=given(changes, "up"),
        )


class FloatingIpEdit(EditForm):
    """Whom a floating IP is lent to, and what is said of it."""

    heading = "Change floating IP"
    fields = (Choice("port", "Lent to"), _DESCRIPTION)

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.floating_ips.show(self.subject)
        options = [("nobody", _NOBODY), *lendable(self.cloud, everyone=True)]
        return {
            "port": Loaded(row.port_id or _NOBODY, options),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Verb:
        id_, port = self.subject, changes.get("port")

        def verb(cloud: Cloud) -> object:
            if port == _NOBODY:
                cloud.floating_ips.unset(id_)
            return cloud.floating_ips.set(
                id_, port=None if port == _NOBODY else port, description=changes.get("description")
            )

        if port == _NOBODY and "description" not in changes:
            return lambda cloud: cloud.floating_ips.unset(id_)
        return verb


def _allowed(view: PortView) -> str:
    pairs = view.port.allowed_address_pairs
    return " ".join(
        each["ip_address"] + (f"={each['mac_address']}" if each.get("mac_address") else "")
        for each in pairs
    )


def _pairs(text: str) -> list[AddressPair]:
    pairs = (each.partition("=") for each in listed(text))
    return [AddressPair(address, mac) for address, _, mac in pairs]


def _routes(text: str) -> list[tuple[str, str]]:
    pairs = (each.partition("=") for each in listed(text))
    return [(destination, hop) for destination, _, hop in pairs]
