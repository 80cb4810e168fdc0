"""Forms for subnet pools and address groups."""

from __future__ import annotations

from backends.cloud import Cloud
from backends.services.address_group import good_addresses
from backends.services.base import good_name
from backends.services.ranges import good_prefixes
from console.screens.forms.edit import listed
from console.screens.forms.suggest import description, next_name, number
from console.widgets.fields import Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_LENGTH = number("a length", 1, 128)


class SubnetPoolForm(Form):
    """A new subnet pool."""

    heading = "New subnet pool"
    fields = (
        Text("name", "Name", good_name),
        Text("prefixes", "Prefixes", lambda text: good_prefixes(listed(text)),
             hint="10.64.0.0/16, one or more"),
        Text("default", "Usual length", _LENGTH, optional=True, hint="of subnets, as 24"),
        Text("min", "Least length", _LENGTH, optional=True, hint="8, or 64 of IPv6"),
        Text("max", "Most length", _LENGTH, optional=True, hint="32, or 128 of IPv6"),
        Text("quota", "For a project", number("a quota", 0, (1 << 31) - 1), optional=True,
             hint="no limit; addresses, or /64s"),
        Toggle("shared", "Shared"),
        Toggle("is_default", "Default pool"),
        Text("description", "Description", description, optional=True),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.subnet_pools.list()}
        return {"name": Loaded(next_name("pool", taken))}

    def request(self, values: Values) -> Request:
        lengths = {
            f"{name}_length": int(values[name])
            for name in ("default", "min", "max")
            if values[name]
        }

        def create(cloud: Cloud) -> object:
            return cloud.subnet_pools.create(
                values["name"],
                listed(values["prefixes"]),
                default_quota=int(values["quota"] or -1),
                shared=bool(values["shared"]),
                is_default=bool(values["is_default"]),
                description=values["description"],
                **lengths,
            )

        return Request(f"Create subnet pool {values['name']}", create)


class AddressGroupForm(Form):
    """A new address group."""

    heading = "New address group"
    fields = (
        Text("name", "Name", good_name),
        Text("addresses", "Addresses", lambda text: good_addresses(listed(text)), optional=True,
             hint="10.0.0.7 10.1.0.0/16"),
        Text("description", "Description", description, optional=True),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.address_groups.list()}
        return {"name": Loaded(next_name("addresses", taken))}

    def request(self, values: Values) -> Request:
        name, held, text = values["name"], listed(values["addresses"]), values["description"]
        return Request(
            f"Create address group {name}",
            lambda cloud: cloud.address_groups.create(name, held, description=text),
        )
