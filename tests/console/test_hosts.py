"""The panel of hosts: what is said of each, and the form that changes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import recorded
from textual.widgets import Input
from waiting import screen, until

from backends.cloud import Cloud
from backends.records.base import now
from backends.records.host import HostRecord
from backends.services.host import Hosts, HostView
from console.app import Quarterdeck

Maker = Callable[..., Quarterdeck]


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    return recorded.make(tmp_path, instances=1)


@pytest.fixture
def cloud(paper: recorded.Recorded) -> Iterator[Cloud]:
    opened = paper.open()
    yield opened
    opened.close()


def _views() -> list[HostView]:
    near = HostRecord(name="box", tunnel_address="10.0.0.1", underlay_mtu=1500, created_at=now())
    far = HostRecord(name="far", tunnel_address="10.0.0.2", underlay_mtu=9000, created_at=now())
    lost = HostRecord(name="lost", tunnel_address="10.0.0.3", underlay_mtu=1500, created_at=now())
    return [
        HostView(near, True, "up", "", 3, 2, 1.0),
        HostView(far, False, "linked", "vxlan-0a1b2c3d", 0, 1, 7200.0),
        HostView(lost, False, "tunnel missing", "vxlan-4e5f6071", 0, 1, None),
    ]


async def test_hosts_are_listed_described_and_changed(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(Hosts, "list", lambda self: _views())
    monkeypatch.setattr(Hosts, "set", lambda self, ref, **new: done.append((ref, new)))
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go("hosts")
        await until(pilot, lambda: "tunnel missing" in screen(app))
        lines = {line.split()[0]: line for line in screen(app).splitlines() if line.split()}
        assert lines["box"].split()[1:6] == ["up", "10.0.0.1", "1500", "3", "2"]
        assert lines["far"].split()[1:4] == ["linked", "10.0.0.2", "9000"]
        await pilot.press("j", "e")
        await until(pilot, lambda: "Change host" in screen(app))
        await until(pilot, lambda: "10.0.0.2" in screen(app))
        app.screen.query(Input).first().value = ""
        await pilot.press("enter")
        await until(pilot, lambda: done)
        assert done[-1] == ("far", {"tunnel_address": ""})
