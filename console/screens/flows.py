"""The switch's flows with their rates, each explained and joined to what put it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.asked import number
from console.screens.live_panel import LivePanel, Said
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.events import Happening
    from backends.inspect.flow_listing import FlowListing, FlowRow
    from backends.inspect.names import Names
    from backends.records.security import SecurityGroup, SecurityGroupRule


def _rate(value: float, unit: str = "") -> str:
    if not value:
        return ""
    return words.size(value) if unit else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


class Flows(LivePanel):
    """Flows of the cloud's bridges. `bridge=`, `table=` and `port=` are asked of the switch."""

    slug = "flows"
    heading = "Flows"
    kinds = ("flow",)
    noun = "flow"
    asks = ("bridge", "table", "port")
    columns = (
        Column("bridge", "BRIDGE", lambda r: r.bridge, 8, 13, "B"),
        Column("table", "TBL", lambda r: str(r.table), 3, 3, "T", order=lambda r: r.table,
               right=True),
        Column("priority", "PRIO", lambda r: str(r.priority), 4, 5, "P",
               order=lambda r: r.priority, right=True),
        Column("rate", "PKT/S", lambda r: _rate(r.rate), 6, 7, "R", order=lambda r: -r.rate,
               right=True),
        Column("speed", "BYTE/S", lambda r: _rate(r.speed, "B"), 6, 8, "S",
               order=lambda r: -r.speed, right=True),
        Column("packets", "PACKETS", lambda r: f"{r.packets:,}", 7, 12, "K",
               order=lambda r: -r.packets, right=True),
        Column("owner", "OF", lambda r: r.owner.title, 10, 22, "O"),
        Column("match", "MATCH", lambda r: r.match, 24, 90, "M"),
        Column("actions", "ACTIONS", lambda r: r.actions, 16, 120, "A"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._before: Sequence[FlowListing] = ()
        self._names: Names | None = None

    def key(self, item: FlowRow) -> str:
        """Cheaper than its id: there are many of them."""
        return item.key

    def ids(self) -> list[str]:
        """The ids that the command line knows them by."""
        return [item.id for item in self.table.selection]

    def happened(self, happening: Happening) -> None:
        """Names may be others now."""
        self._names = None
        super().happened(happening)

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """Read again, with rates since the last time."""
        want = self.asked
        listings = cloud.flows.list(
            want.get("bridge"), table=number(want.get("table")), known=self._names
        )
        if listings:
            self._names = listings[0].names
        rows = list(cloud.flows.rows(listings, self._before, port=want.get("port")))
        self._before = listings
        return rows

    def say_of(self, item: FlowRow) -> Said:
        """In words, and whose it is."""
        found = item.explain()
        owner = found.owner
        said = [
            ("where", f"{item.bridge}, table {item.table}: {found.role or 'no part here'}"),
            ("matches", found.match),
            ("does", found.actions.replace("; ", "\n")),
            ("priority", str(item.priority)),
            ("put there by", f"{owner.kind} {owner.title}".strip() or "nobody known"),
        ]
        if owner.instance is not None:
            said.append(("instance", f"{owner.instance.name} ({owner.instance.id})"))
        if owner.port is not None:
            said.append(("port", f"{owner.port.interface} ({owner.port.id})"))
        if owner.network is not None:
            said.append(("network", f"{owner.network.name} ({owner.network.id})"))
        said += [("rule", _rule(group, rule)) for group, rule in found.rules]
        return [
            *said,
            ("packets", f"{item.packets:,} ({_rate(item.rate) or 0} a second)"),
            ("bytes", f"{item.octets:,} ({_rate(item.speed, 'B') or 0} a second)"),
            ("written", f"{words.duration(item.age)} ago, cookie {item.cookie:#x}"),
            ("id", item.id),
            ("match", item.match or "(everything)"),
            ("actions", item.actions),
        ]


def _rule(group: SecurityGroup, rule: SecurityGroupRule) -> str:
    ports = "" if rule.port_min is None else f" {rule.port_min}-{rule.port_max}"
    remote = rule.remote_prefix or rule.peer_id or "anywhere"
    what = f"{rule.direction} {rule.ethertype} {rule.protocol or 'all'}{ports}"
    return f"{group.name}: {what}, {remote} ({rule.id})"
