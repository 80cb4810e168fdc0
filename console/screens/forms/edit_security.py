"""Forms that change security groups and their rules, subnet pools and address groups."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.services.address_group import good_addresses
from backends.services.base import good_name
from backends.services.ranges import good_prefixes
from console.screens.forms.edit import Changes, EditForm, flag, given, listed
from console.screens.forms.security import RuleForm
from console.screens.forms.suggest import description, number
from console.widgets.fields import Loaded, Text, Toggle
from console.widgets.form import Request, Values

Verb = Callable[[Cloud], object]
_NAME = Text("name", "Name", good_name)
_DESCRIPTION = Text("description", "Description", description, optional=True)
_LENGTH = number("a length", 1, 128)


class SecurityGroupEdit(EditForm):
    """What can be changed of a security group; its rules have their own form."""

    heading = "Change security group"
    fields = (_NAME, Toggle("stateful", "Stateful"), _DESCRIPTION)

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.security_groups.show(self.subject)
        return {
            "name": Loaded(row.name),
            "stateful": flag(row.stateful),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Verb:
        id_ = self.subject
        return lambda cloud: cloud.security_groups.set(
            id_,
            name=changes.get("name"),
            description=changes.get("description"),
            stateful=given(changes, "stateful"),
        )


class RuleEdit(RuleForm):
    """Another rule in a rule's place; what both allow goes on meanwhile."""

    heading = "Change security group rule"
    does = "Change"

    def __init__(self, cloud: Cloud, chosen: Values | None = None) -> None:
        given_ = dict(chosen or {})
        self.subject = given_.pop("id", "")
        super().__init__(cloud, given_)

    def load(self) -> dict[str, Loaded]:
        if self.subject:
            self.chosen |= self.said(self.cloud.security_groups.rule(self.subject))
        return super().load()

    def request(self, values: Values) -> Request:
        id_, new = self.subject, self.rule(values)
        return Request("Change rule", lambda cloud: cloud.security_groups.replace_rule(id_, new))


class SubnetPoolEdit(EditForm):
    """What can be changed of a subnet pool; the subnets that there are stay as they are."""

    heading = "Change subnet pool"
    fields = (
        _NAME,
        Text("prefixes", "Prefixes", lambda text: good_prefixes(listed(text))),
        Text("default", "Usual length", _LENGTH),
        Text("min", "Least length", _LENGTH),
        Text("max", "Most length", _LENGTH),
        Text("quota", "For a project", number("a quota", 0, (1 << 31) - 1), optional=True,
             hint="no limit; addresses, or /64s"),
        Toggle("is_default", "Default pool"),
        _DESCRIPTION,
    )  # fmt: skip

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.subnet_pools.show(self.subject)
        return {
            "name": Loaded(row.name),
            "prefixes": Loaded(" ".join(row.prefixes)),
            "default": Loaded(str(row.default_prefixlen)),
            "min": Loaded(str(row.min_prefixlen)),
            "max": Loaded(str(row.max_prefixlen)),
            "quota": Loaded("" if row.default_quota is None else str(row.default_quota)),
            "is_default": flag(row.is_default),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Verb:
        id_ = self.subject
        lengths = {
            f"{name}_length": int(changes[name])
            for name in ("default", "min", "max")
            if name in changes
        }
        quota = int(changes["quota"] or -1) if "quota" in changes else None
        return lambda cloud: cloud.subnet_pools.set(
            id_,
            name=changes.get("name"),
            description=changes.get("description"),
            prefixes=listed(changes["prefixes"]) if "prefixes" in changes else None,
            default_quota=quota,
            is_default=given(changes, "is_default"),
            **lengths,
        )


class AddressGroupEdit(EditForm):
    """A group's name and addresses; only what is withdrawn is cut."""

    heading = "Change address group"
    fields = (
        _NAME,
        Text("addresses", "Addresses", lambda text: good_addresses(listed(text)), optional=True),
        _DESCRIPTION,
    )

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.address_groups.show(self.subject)
        return {
            "name": Loaded(row.name),
            "addresses": Loaded(" ".join(row.addresses)),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Verb:
        id_ = self.subject
        before = set(self.cloud.address_groups.show(id_).addresses)
        wanted = (
            set(good_addresses(listed(changes["addresses"]))) if "addresses" in changes else before
        )
        return lambda cloud: cloud.address_groups.set(
            id_,
            name=changes.get("name"),
            description=changes.get("description"),
            add=sorted(wanted - before),
            remove=sorted(before - wanted),
        )
