"""The cloud's hosts: which the tunnels lead to, and what is on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.host import HostView

_TONES = {"up": "good", "linked": "good", "apart": "dim", "no tunnel address": "dim"}


def _seen(item: HostView) -> str:
    """How old what it last did is."""
    return "" if item.seen is None else words.age(time.time() - item.seen)


class Hosts(TablePanel):
    """All hosts, as this one sees them."""

    slug = "hosts"
    heading = "Hosts"
    kinds = ("host",)
    noun = "host"
    columns = (
        Column("name", "NAME", lambda h: h.row.name, 10, 32, "N"),
        Column("state", "STATE", lambda h: h.state, 14, 24, "S",
               lambda h: _TONES.get(h.state, "bad")),
        Column("address", "TUNNEL ADDRESS", lambda h: h.row.tunnel_address, 14, 39, "D"),
        Column("mtu", "MTU", lambda h: str(h.row.underlay_mtu or ""), 5, 5, "M",
               order=lambda h: h.row.underlay_mtu, right=True),
        Column("instances", "INST", lambda h: str(h.instances), 4, 6, "I",
               order=lambda h: h.instances, right=True),
        Column("networks", "NETS", lambda h: str(h.networks), 4, 6, "W",
               order=lambda h: h.networks, right=True),
        Column("seen", "SEEN", _seen, 4, 5, "E",
               order=lambda h: h.seen if h.seen is not None else 1e12, right=True),
        Column("age", "AGE", lambda h: words.age(h.row.created_at), 4, 5, "A",
               order=lambda h: -h.row.created_at, right=True),
        Column("tunnel", "TUNNEL", lambda h: h.tunnel, 14, 15, "T"),
    )  # fmt: skip

    def key(self, item: HostView) -> str:
        """A host is known by its name."""
        return item.row.name

    def title(self, item: HostView) -> str:
        """The same."""
        return item.row.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The hosts, the oldest first."""
        return cloud.hosts.list()

    def edit(self) -> None:
        """Ask by which address others reach it."""
        if self.item is not None:
            self.desk.ask_form("host edit", {"id": self.item.row.name})
