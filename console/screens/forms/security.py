"""Forms for security groups and their rules."""

from __future__ import annotations

import ipaddress

from backends.cloud import Cloud
from backends.errors import Refused
from backends.records.security import SecurityGroupRule
from backends.services.base import good_name
from backends.services.security_rule import ICMP, PROTOCOLS, NewRule, checked
from console.screens.forms.suggest import description, next_name, number
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_ANY = "any"


class SecurityGroupForm(Form):
    """A new security group; its rules have their own form."""

    heading = "New security group"
    fields = (
        Text("name", "Name", good_name),
        Toggle("stateful", "Stateful", on=True),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.security_groups.list()}
        return {"name": Loaded(next_name("group", taken))}

    def request(self, values: Values) -> Request:
        name, text = values["name"], values["description"]

        def create(cloud: Cloud) -> object:
            return cloud.security_groups.create(name, text, stateful=bool(values["stateful"]))

        return Request(f"Create security group {name}", create)


class RuleForm(Form):
    """A new rule of a security group."""

    heading = "New security group rule"
    does = "Add"
    fields = (
        Choice("group", "Security group"),
        Choice("direction", "Direction", (("ingress", "ingress"), ("egress", "egress")), "ingress"),
        Choice("ethertype", "Ethertype", (("IPv4", "IPv4"), ("IPv6", "IPv6")), "IPv4"),
        Choice(
            "protocol", "Protocol", ((_ANY, _ANY), *((each, each) for each in PROTOCOLS)), "tcp"
        ),
        Text(
            "ports",
            "Ports",
            lambda text: _ports(text),
            optional=True,
            hint="22 or 8000-8080; ICMP: type, or type-code",
        ),
        Text(
            "prefix",
            "From or to",
            lambda text: _prefix(text),
            optional=True,
            hint="0.0.0.0/0; empty: anywhere",
        ),
        Choice("remote", "Or the group", optional=True, hint="none"),
        Choice("addresses", "Or addresses", optional=True, hint="no address group"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        groups = self.cloud.security_groups.list(all_projects=bool(self.chosen))
        chosen = next((each.id for each in groups if each.name == "default"), "")
        options = [(each.name, each.id) for each in groups]
        named = self.cloud.address_groups.list(all_projects=bool(self.chosen))
        return {
            "group": Loaded(chosen, options),
            "remote": Loaded("", options),
            "addresses": Loaded("", [(each.name, each.id) for each in named]),
        }

    def request(self, values: Values) -> Request:
        new = self.rule(values)
        title = f"Add rule {new.direction} {values['protocol']} {values['ports']}".rstrip()
        return Request(title, lambda cloud: cloud.security_groups.add_rule(new))

    def rule(self, values: Values) -> NewRule:
        """The rule that the fields say. Raises Refused `security_group.rule.invalid`."""
        low, high = _ports(values["ports"]) if values["ports"] else (None, None)
        if values["protocol"] in ICMP and low is not None and "-" not in values["ports"]:
            high = None
        new = NewRule(
            group=values["group"],
            direction=values["direction"],
            ethertype=values["ethertype"],
            protocol=None if values["protocol"] == _ANY else values["protocol"],
            port_min=low,
            port_max=high,
            remote_prefix=values["prefix"] or None,
            remote_group=values["remote"] or None,
            remote_address_group=values["addresses"] or None,
            description=values["description"],
        )
        return checked(new)

    def said(self, row: SecurityGroupRule) -> dict[str, str]:
        """The fields as a rule has them."""
        low, high = row.port_min, row.port_max
        ports = "" if low is None else f"{low}" if high in (None, low) else f"{low}-{high}"
        if row.protocol in ICMP and high is not None:
            ports = f"{low}-{high}"
        return {
            "group": row.group_id,
            "direction": row.direction,
            "ethertype": row.ethertype,
            "protocol": row.protocol or _ANY,
            "ports": ports,
            "prefix": row.remote_prefix or "",
            "remote": row.remote_group_id or "",
            "addresses": row.remote_address_group_id or "",
            "description": row.description,
        }


def _prefix(text: str) -> object:
    """Addresses, or one. Raises Refused `network.subnet.invalid`."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        text = f"{text!r} is no range of addresses, as 10.0.0.0/24 is"
        raise Refused("network.subnet.invalid", text) from None


def _ports(text: str) -> tuple[int, int]:
    """One port, or two with a dash. Raises Refused `form.number`."""
    check = number("a port", 0, 65535)
    low, dash, high = text.partition("-")
    return check(low.strip()), check((high if dash else low).strip())
