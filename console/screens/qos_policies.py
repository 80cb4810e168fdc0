"""QoS policies, and how many networks and ports have each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.qos import QosView


class Item(NamedTuple):
    """A policy with its rules, and how many have it."""

    view: QosView
    used: int
    project: str


def _limit(item: Item, direction: str) -> str:
    for rule in item.view.rules:
        if rule.type == "bandwidth_limit" and rule.direction == direction:
            return f"{rule.max_kbps:,} kbit/s"
    return ""


def _mark(item: Item) -> str:
    for rule in item.view.rules:
        if rule.type == "dscp_marking":
            return str(rule.dscp_mark)
    return ""


def _kind(item: Item) -> str:
    row = item.view.policy
    said = ("default" if row.is_default else "", "shared" if row.shared else "")
    return " ".join(word for word in said if word)


class QosPolicies(TablePanel):
    """The policies the caller may use."""

    slug = "qos-policies"
    heading = "QoS policies"
    kinds = ("qos",)
    noun = "qos"
    columns = (
        Column("name", "NAME", lambda i: i.view.policy.name, 12, 36, "N"),
        Column("egress", "SENDS", lambda i: _limit(i, "egress"), 14, 18, right=True),
        Column("ingress", "GETS", lambda i: _limit(i, "ingress"), 14, 18, right=True),
        Column("mark", "DSCP", _mark, 4, 4, right=True),
        Column("used", "USED", lambda i: str(i.used or ""), 4, 6, "U", order=lambda i: i.used,
               right=True),
        Column("kind", "KIND", _kind, 8, 14, "K"),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
        Column("age", "AGE", lambda i: words.age(i.view.policy.created_at), 4, 5, "A",
               order=lambda i: -i.view.policy.created_at, right=True),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The policy's id."""
        return item.view.policy.id

    def title(self, item: Item) -> str:
        """The policy's name."""
        return item.view.policy.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The policies, by name."""
        used = Counter(each.qos_policy_id for each in cloud.networks.list(all_projects=True))
        used.update(view.port.qos_policy_id for view in cloud.ports.list(all_projects=True))
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(view, used[view.policy.id], projects.get(view.policy.project_id, ""))
            for view in cloud.qos.list(all_projects=everyone)
        ]

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("qos edit", {"id": self.key(self.item)})
