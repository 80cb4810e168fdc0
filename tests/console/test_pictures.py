"""Pictures of the console, compared with those that are kept."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import recorded
import stored
from waiting import until

from backends.records.tables import VolumeGroup, VolumeTransfer
from backends.records.volume import Volume
from backends.services.topology import Topologies
from console.app import Quarterdeck

Maker = Callable[..., Quarterdeck]


def shows(app: Quarterdeck, panel: str) -> Callable[[Any], Awaitable[None]]:
    """What waits until the panel is shown, with all that comes later."""

    async def ready(pilot: Any) -> None:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go(panel)
        await until(pilot, lambda: app.panel.slug == panel and app.panel.fresh_at is not None)
        await until(pilot, lambda: app._events is not None)

    return ready


@pytest.mark.parametrize(
    ("panel", "size"),
    [
        ("instances", (80, 24)),
        ("instances", (200, 50)),
        ("topology", (80, 24)),
        ("projects", (80, 24)),
    ],
)
def test_picture(
    deck: Maker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    panel: str,
    size: tuple[int, int],
    snap_compare: Callable[..., bool],
) -> None:
    found = recorded.make(tmp_path, instances=6, names=("anchor", "beacon", "등대"))
    cloud = found.open(domains=recorded.domains(tmp_path / "domains.xml", [1, 2], [0, 4, 5]))
    # What else lives on the machine is not in the picture.
    monkeypatch.setattr(Topologies, "_differing", lambda self, units: set())
    # Rates are never twice the same.
    monkeypatch.setattr(cloud.machine.libvirt, "stats", lambda ids: {})
    app = deck(found, cloud)

    assert snap_compare(app, terminal_size=size, run_before=shows(app, panel))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
@pytest.mark.parametrize("panel", ["volumes", "volume-groups", "transfers", "volume-qos"])
def test_picture_of_storage(
    deck: Maker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    panel: str,
    size: tuple[int, int],
    snap_compare: Callable[..., bool],
) -> None:
    found = recorded.make(tmp_path, instances=2, names=("등대",))
    stored.fill(found)
    at = time.time() - recorded.AGE
    with found.write().write() as session:
        mine = found.project_id
        session.add(VolumeGroup(id="50000000", project_id=mine, name="함대", created_at=at))
        offer = "60000000-0000-4000-8000-000000000000"
        session.flush()
        session.get_one(Volume, stored.volume_id(1)).group_id = "50000000"
        session.add(
            VolumeTransfer(
                id=offer, project_id=mine, volume_id=stored.volume_id(0), name="선물",
                key_hash="", created_at=at,
            )
        )  # fmt: skip
    cloud = found.open()
    stored.still(cloud, monkeypatch)
    app = deck(found, cloud)

    assert snap_compare(app, terminal_size=size, run_before=shows(app, panel))
