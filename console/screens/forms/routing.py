"""Forms for routers, their interfaces and gateways, and floating IPs."""

from __future__ import annotations

from backends.cloud import Cloud
from backends.errors import Refused
from backends.services import addresses
from backends.services.base import good_name
from console.screens.forms.suggest import description, next_name
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_NONE = "none"


class RouterForm(Form):
    """A new router; its interfaces have their own form."""

    heading = "New router"
    fields = (
        Text("name", "Name", good_name),
        Choice("external", "Leads out by"),
        Toggle("snat", "Source NAT", on=True),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.routers.list()}
        return {
            "name": Loaded(next_name("router", taken)),
            "external": _outside(self.cloud),
        }

    def request(self, values: Values) -> Request:
        name, text, snat = values["name"], values["description"], bool(values["snat"])
        external = None if values["external"] == _NONE else values["external"]

        def create(cloud: Cloud) -> object:
            return cloud.routers.create(name, description=text, external=external, snat=snat)

        return Request(f"Create router {name}", create)


class InterfaceForm(Form):
    """A subnet that a router is to join."""

    heading = "New router interface"
    does = "Add"
    fields = (Choice("router", "Router"), Choice("subnet", "Subnet"))

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        routers = cloud.routers.list(all_projects=bool(self.chosen))
        outside = {each.id for each in cloud.networks.list(all_projects=True) if each.external}
        names = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
        # The project of the router that was chosen, else of all that are there to choose.
        chosen = self.chosen.get("router")
        owners = {each.project_id for each in routers if chosen in (None, each.id)}
        held = {
            subnet_id
            for router in routers
            for each in cloud.routers.show(router.id).interfaces
            for subnet_id, _ in each.addresses
        }
        inner = [
            each
            for each in cloud.networks.subnets(all_projects=bool(self.chosen))
            if each.network_id not in outside and each.gateway_ip and each.project_id in owners
        ]
        free = [each for each in inner if each.id not in held] or inner
        options = [(f"{names.get(each.network_id, '')}  {each.cidr}", each.id) for each in inner]
        return {
            "router": Loaded(
                routers[0].id if routers else "", [(each.name, each.id) for each in routers]
            ),
            "subnet": Loaded(free[0].id if free else "", options),
        }

    def request(self, values: Values) -> Request:
        router, subnet = values["router"], values["subnet"]
        return Request("Add interface", lambda cloud: cloud.routers.add_subnet(router, subnet))


class GatewayForm(Form):
    """How a router leads out."""

    heading = "Router gateway"
    does = "Set"
    fields = (
        Choice("router", "Router"),
        Choice("external", "Leads out by"),
        Toggle("snat", "Source NAT", on=True),
    )

    def load(self) -> dict[str, Loaded]:
        routers = self.cloud.routers.list(all_projects=bool(self.chosen))
        return {
            "router": Loaded(
                routers[0].id if routers else "", [(each.name, each.id) for each in routers]
            ),
            "external": _outside(self.cloud),
        }

    def request(self, values: Values) -> Request:
        router, external, snat = values["router"], values["external"], bool(values["snat"])

        def change(cloud: Cloud) -> object:
            if external == _NONE:
                return cloud.routers.unset_gateway(router)
            return cloud.routers.set_gateway(router, external, snat=snat)

        return Request("Set gateway", change)


class FloatingIpForm(Form):
    """A new floating IP."""

    heading = "New floating IP"
    fields = (
        Choice("network", "From network"),
        Text("address", "Address", addresses.parse_address, optional=True, hint="the next free"),
        Choice("port", "Lent to", optional=True, hint="nobody yet"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        outside = [each for each in self.cloud.networks.list() if each.external]
        return {
            "network": Loaded(
                outside[0].id if outside else "", [(each.name, each.id) for each in outside]
            ),
            "port": Loaded("", lendable(self.cloud)),
        }

    def request(self, values: Values) -> Request:
        network, address = values["network"], values["address"] or None
        port, text = values["port"] or None, values["description"]

        def create(cloud: Cloud) -> object:
            return cloud.floating_ips.create(network, address=address, port=port, description=text)

        return Request("Create floating IP", create)


class LendForm(Form):
    """Whom a floating IP is lent to."""

    heading = "Lend floating IP"
    does = "Lend"
    fields = (Choice("floating_ip", "Floating IP"), Choice("port", "To"))

    def load(self) -> dict[str, Loaded]:
        everyone = bool(self.chosen)
        rows = self.cloud.floating_ips.list(all_projects=everyone)
        free = next((row.id for row in rows if row.port_id is None), "")
        ports = lendable(self.cloud, everyone=everyone)
        lent = {row.port_id for row in rows}
        first = next((id_ for _, id_ in ports if id_ not in lent), ports[0][1] if ports else "")
        return {
            "floating_ip": Loaded(free, [(row.address, row.id) for row in rows]),
            "port": Loaded(first, ports),
        }

    def request(self, values: Values) -> Request:
        row, port = values["floating_ip"], values["port"]
        if not port:
            raise Refused("form.missing", "no instance has a port that it could be lent to")
        return Request("Lend floating IP", lambda cloud: cloud.floating_ips.set(row, port=port))


def lendable(cloud: Cloud, *, everyone: bool = False) -> list[tuple[str, str]]:
    """The ports that a floating IP can be lent to, by what is plugged in."""
    names = {row.id: row.name for row in cloud.instances.recorded(all_projects=everyone)}
    found = []
    for view in cloud.ports.list(all_projects=everyone):
        held = [address for _, address in view.addresses if ":" not in address]
        name = names.get(view.port.device_id) or view.port.name
        if held and not view.port.device_owner.startswith("network:"):
            found.append((f"{name}  {held[0]}".strip(), view.port.id))
    return sorted(found)


def _outside(cloud: Cloud) -> Loaded:
    found = [each for each in cloud.networks.list() if each.external]
    options = [*((each.name, each.id) for each in found), ("nothing", _NONE)]
    return Loaded(found[0].id if found else _NONE, options)
