"""Address groups, and how many rules name each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.security import AddressGroup


class Item(NamedTuple):
    """A group, and how many rules name it."""

    group: AddressGroup
    rules: int
    project: str


class AddressGroups(TablePanel):
    """The address groups of the project, or of the cloud."""

    slug = "address-groups"
    heading = "Address groups"
    kinds = ("address_group",)
    noun = "address_group"
    columns = (
        Column("name", "NAME", lambda i: i.group.name, 14, 36, "N"),
        Column("addresses", "ADDRESSES", lambda i: ", ".join(i.group.addresses), 24, 80, "I"),
        Column("rules", "RULES", lambda i: str(i.rules or ""), 5, 6, "R", order=lambda i: i.rules,
               right=True),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
        Column("age", "AGE", lambda i: words.age(i.group.created_at), 4, 5, "A",
               order=lambda i: -i.group.created_at, right=True),
        Column("description", "DESCRIPTION", lambda i: i.group.description, 11, 60, "D"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The group's id."""
        return item.group.id

    def title(self, item: Item) -> str:
        """The group's name."""
        return item.group.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The groups, by name."""
        rules = cloud.security_groups.rules(all_projects=everyone)
        used = Counter(rule.remote_address_group_id for rule in rules)
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(each, used[each.id], projects.get(each.project_id, ""))
            for each in cloud.address_groups.list(all_projects=everyone)
        ]

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("address_group edit", {"id": self.key(self.item)})
