"""Security groups, and inside each its rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console import panels
from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.security import SecurityGroup, SecurityGroupRule


class Item(NamedTuple):
    """A group, how many rules it has, and how many ports have it."""

    group: SecurityGroup
    rules: int
    ports: int
    project: str


class RuleItem(NamedTuple):
    """A rule and the name of its remote group, or of its address group."""

    rule: SecurityGroupRule
    remote: str
    addresses: str


class SecurityGroups(TablePanel):
    """The security groups of the project, or of the cloud."""

    slug = "security-groups"
    heading = "Security groups"
    kinds = ("security_group",)
    noun = "security_group"
    columns = (
        Column("name", "NAME", lambda i: i.group.name, 18, 40, "N"),
        Column("rules", "RULES", lambda i: str(i.rules), 5, 6, "R", order=lambda i: i.rules,
               right=True),
        Column("ports", "PORTS", lambda i: str(i.ports or ""), 5, 6, "O", order=lambda i: i.ports,
               right=True),
        Column("project", "PROJECT", lambda i: i.project, 14, 24, "P"),
        Column("kind", "KIND", lambda i: "" if i.group.stateful else "stateless", 9, 9, "K"),
        Column("age", "AGE", lambda i: words.age(i.group.created_at), 4, 5, "A",
               order=lambda i: -i.group.created_at, right=True),
        Column("description", "DESCRIPTION", lambda i: i.group.description, 20, 60, "D"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The group's id."""
        return item.group.id

    def title(self, item: Item) -> str:
        """The group's name."""
        return item.group.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The groups, by name."""
        groups = cloud.security_groups.list(all_projects=everyone)
        projects = {each.id: each.name for each in cloud.identity.projects()}
        used = Counter(
            (view.port.project_id, name)
            for view in cloud.ports.list(all_projects=everyone)
            for name in view.groups
        )
        return [
            Item(each, len(cloud.security_groups.rules(each.id)), used[each.project_id, each.name],
                 projects.get(each.project_id, ""))
            for each in groups
        ]  # fmt: skip

    def open(self, item: Item) -> None:
        """Its rules."""
        self.desk.drill(Rules(item.group.id, item.group.name))

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("security_group edit", {"id": self.key(self.item)})

    def address_groups(self) -> None:
        """The address groups."""
        self.desk.drill(panels.make("address-groups"))

    def add_rule(self) -> None:
        """Ask for a new rule of it."""
        if self.item is not None:
            self.desk.ask_form("rule", {"group": self.key(self.item)})


def _ports(rule: SecurityGroupRule) -> str:
    low, high = rule.port_min, rule.port_max
    if low is None:
        return "any"
    if rule.protocol in ("icmp", "ipv6-icmp"):
        return f"type {low}" + (f" code {high}" if high is not None else "")
    return str(low) if low == high else f"{low}-{high}"


def _remote(item: RuleItem) -> str:
    if item.addresses:
        return f"addresses {item.addresses}"
    return f"group {item.remote}" if item.remote else item.rule.remote_prefix or "anywhere"


def _place(item: RuleItem) -> tuple[bool, str, str, int]:
    rule = item.rule
    return rule.direction != "ingress", rule.ethertype, rule.protocol or "", rule.port_min or 0


class Rules(TablePanel):
    """The rules of one security group."""

    slug = "rules"
    heading = "Rules"
    kinds = ("rule",)
    noun = "rule"
    columns = (
        Column("direction", "DIRECTION", lambda i: i.rule.direction, 9, 10, "I"),
        Column("ethertype", "ETHER", lambda i: i.rule.ethertype, 5, 6, "E"),
        Column("protocol", "PROTOCOL", lambda i: i.rule.protocol or "any", 9, 10, "P"),
        Column("ports", "PORTS", lambda i: _ports(i.rule), 12, 16, "O"),
        Column("remote", "FROM OR TO", _remote, 20, 40, "R"),
        Column("description", "DESCRIPTION", lambda i: i.rule.description, 12, 60, "D"),
    )  # fmt: skip

    def __init__(self, group_id: str, name: str) -> None:
        super().__init__()
        self._group = group_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The group's name."""
        return self._called

    def key(self, item: RuleItem) -> str:
        """The rule's id."""
        return item.rule.id

    def title(self, item: RuleItem) -> str:
        """What it lets through, in few words."""
        rule = item.rule
        return f"{rule.direction} {rule.protocol or 'any'} {_ports(rule)} {_remote(item)}"

    @property
    def nothing(self) -> str:
        """What no rule means, and what adds one."""
        return "no rules: nothing passes" + ("; c adds one" if self.desk.writes else "")

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The group's rules, what comes in first."""
        names = {g.id: g.name for g in cloud.security_groups.list(all_projects=everyone)}
        named = {g.id: g.name for g in cloud.address_groups.list(all_projects=everyone)}
        found = []
        for rule in cloud.security_groups.rules(self._group):
            group, held = rule.remote_group_id or "", rule.remote_address_group_id or ""
            found.append(RuleItem(rule, names.get(group, group), named.get(held, held)))
        return sorted(found, key=_place)

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("rule edit", {"id": self.key(self.item)})

    def create(self) -> None:
        """Ask for a new rule of this group."""
        self.desk.ask_form("rule", {"group": self._group})
