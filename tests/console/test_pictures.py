"""Pictures of the console, compared with those that are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from waiting import until

from backends.services.topology import Topologies
from console.app import Quarterdeck

Maker = Callable[..., Quarterdeck]


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

    async def ready(pilot: object) -> None:
        await until(pilot, lambda: app.panel.fresh_at is not None)  # type: ignore[arg-type]
        app.go(panel)
        await until(pilot, lambda: app.panel.slug == panel and app.panel.fresh_at is not None)  # type: ignore[arg-type]
        await until(pilot, lambda: app._events is not None)  # type: ignore[arg-type]

    assert snap_compare(app, terminal_size=size, run_before=ready)
