"""Flows and connections in the console: many of them, asked for less, described, ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded
from waiting import line, screen, until

from backends.cloud import Cloud
from backends.drivers.conntrack.table import Connections
from backends.drivers.ovs.facts import OvsFacts
from backends.drivers.ovs.flow_table import FlowTable
from backends.inspect.connection_listing import ConnectionListing
from backends.inspect.flow_listing import FlowListing
from backends.inspect.names import Names, names
from backends.inspect.places import SWITCH, Source
from backends.records import snapshot
from backends.services.connection import ConnectionTables
from console.app import Quarterdeck
from console.screens.asked import asked, number
from console.screens.confirm import ConfirmPlan
from console.screens.connections import SHOWN
from tests.unit.test_ovs_decoding import IP, NICIRA, STANDARD, apply, oxm, protocol, stats

Maker = Callable[..., Quarterdeck]
FLOWS, CONNECTIONS = 50_000, 200_000


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    return recorded.make(tmp_path, instances=2)


@pytest.fixture
def cloud(paper: recorded.Recorded) -> Cloud:
    return paper.open()


def known(cloud: Cloud) -> Names:
    with cloud.context.reading() as session:
        records = snapshot.read(session, cloud.settings.host)
    return names(records, OvsFacts(), cloud.settings)


class Switch:
    """A bridge whose one busy flow counts a hundred packets at every reading."""

    def __init__(self, cloud: Cloud, count: int) -> None:
        self.names = known(cloud)
        self.asked: list[int | None] = []
        self._quiet = b"".join(
            stats(82, 77, 1, 0, oxm(NICIRA, 5, each, 4) + IP + protocol(6), apply())
            for each in range(1, count)
        )
        self._readings = 0

    def list(
        self, bridge: str | None = None, *, table: int | None = None, known: object = None
    ) -> list[FlowListing]:
        self.asked.append(table)
        self._readings += 1
        busy = stats(72, 70, 2, self._readings * 100, oxm(STANDARD, 0, 7, 4), b"")
        raw = busy + (self._quiet if table is None else b"")
        flows = FlowTable(raw, [(0, len(raw))])
        return [FlowListing("br-int", flows, self.names, flows, time.monotonic())]


def connections(cloud: Cloud, count: int) -> ConnectionListing:
    table = Connections.empty(count)
    table.family[:] = 2
    table.protocol[:] = 6
    table.state[:] = 3
    table.addresses[0, 0] = table.addresses[3, 0] = 0x0A000001
    table.addresses[1, 0] = table.addresses[2, 0] = 0x0A000002
    table.ports[0] = table.ports[3] = np.arange(count) % 60_000
    table.zone[:] = 5
    table.octets[0] = np.arange(count)
    table.id[:] = np.arange(count)
    return ConnectionListing([(Source(SWITCH, "switch"), table)], known(cloud))


async def test_fifty_thousand_flows_scroll_filter_and_are_explained(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = Switch(cloud, FLOWS)
    monkeypatch.setattr(cloud.flows, "list", switch.list)
    app = deck(paper, cloud)
    async with app.run_test(size=(160, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        await pilot.press("colon", *"flows", "enter")
        await until(pilot, lambda: len(getattr(app.panel.table, "rows", ())) == FLOWS)  # type: ignore[attr-defined]
        assert "50,000" in line(app, "title")
        assert "in_port=7" in screen(app)
        # Rates come with the second reading.
        await until(pilot, lambda: app.panel.table.items[0].rate > 0)  # type: ignore[attr-defined]
        await pilot.press("slash", *"table=72", "enter")
        await until(pilot, lambda: len(app.panel.table.rows) == 1)  # type: ignore[attr-defined]
        assert switch.asked[-1] == 72
        await pilot.press("d")
        await until(pilot, lambda: "what the groups let a port send" in screen(app))
        assert "come from port 7" in screen(app)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(app.panel.table.rows) == FLOWS)  # type: ignore[attr-defined]
        assert switch.asked[-1] is None


async def test_of_many_connections_the_largest_are_shown_and_all_are_counted(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[dict[str, Any]] = []

    def listed(self: ConnectionTables, **words: Any) -> ConnectionListing:
        wanted.append(words)
        return connections(cloud, CONNECTIONS if words["zone"] is None else 3)

    monkeypatch.setattr(ConnectionTables, "list", listed)
    app = deck(paper, cloud)
    async with app.run_test(size=(160, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        await pilot.press("colon", *"ct", "enter")
        await until(pilot, lambda: len(getattr(app.panel.table, "rows", ())) == SHOWN)  # type: ignore[attr-defined]
        assert "200,000 in all" in line(app, "title")
        assert app.panel.table.rows[0].connection.octets[0] == CONNECTIONS - 1  # type: ignore[attr-defined]
        await pilot.press("c")
        await until(pilot, lambda: "tcp ESTABLISHED" in screen(app))
        assert "200,000" in screen(app)
        await pilot.press("escape", "slash", *"zone=5", "enter")
        await until(pilot, lambda: len(app.panel.table.rows) == 3)  # type: ignore[attr-defined]
        assert wanted[-1]["zone"] == 5
        await pilot.press("d")
        await until(pilot, lambda: "first packet" in screen(app))
        assert "10.0.0.1 → 10.0.0.2" in screen(app)


async def test_an_end_is_planned_before_it_is_made(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConnectionTables, "list", lambda self, **words: connections(cloud, 1))
    asked_for: list[str] = []
    monkeypatch.setattr(cloud.connections, "end", asked_for.append)
    app = deck(paper, cloud)
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        await pilot.press("colon", *"connections", "enter")
        await until(pilot, lambda: len(getattr(app.panel.table, "rows", ())) == 1)  # type: ignore[attr-defined]
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmPlan))
    # Only the plan was asked for.
    assert asked_for == ["switch/5/tcp/10.0.0.1,0,10.0.0.2,0/0"]


def test_words_for_the_machine_are_told_from_those_for_the_rows() -> None:
    assert asked("zone=5 tcp -l state=x", ["zone"]) == ({"zone": "5"}, "tcp -l state=x")
    assert asked("zone=", ["zone"]) == ({}, "")
    assert [number(each) for each in (None, "7", "0x10", "x")] == [None, 7, 16, None]
