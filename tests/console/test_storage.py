"""Pools, volume types, and what is done with volumes, on a cloud that is only recorded.

A form has its verb planned before it is done: each is called twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import recorded
from waiting import screen, until

from backends.cloud import Cloud
from backends.drivers.volumes.facts import PoolFact
from backends.records.pool import QosSpec, StoragePool, VolumeType
from backends.records.volume import Volume
from backends.services.backup import VolumeBackups
from backends.services.pool import PoolRow, Pools
from backends.services.volume import Volumes
from backends.services.volume_type import VolumeTypes
from console.app import Quarterdeck
from console.screens.confirm import ConfirmPlan
from console.widgets.form import Form

Maker = Callable[..., Quarterdeck]
VOLUME = "40000000-0000-4000-8000-000000000000"
GIB = 1 << 30


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    made = recorded.make(tmp_path, instances=1)
    with made.write().write() as session:
        row = Volume(
            id=VOLUME,
            project_id=made.project_id,
            name="hold",
            size=2,
            driver="file",
            host=recorded.HOST,
            made=True,
        )
        session.add_all([row, QosSpec(name="slow", specs={"total_iops_sec": "100"})])
        session.add(VolumeType(name="plain"))
    return made


@pytest.fixture
def cloud(paper: recorded.Recorded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    opened = paper.open()
    monkeypatch.setattr(Pools, "list", lambda self: _pools())
    monkeypatch.setattr(
        Pools, "show", lambda self, ref: next(each for each in _pools() if each.pool.name == ref)
    )
    yield opened
    opened.close()


def _pools() -> list[PoolRow]:
    near = StoragePool(name="default", driver="file", place="/srv/volumes")
    thin = StoragePool(name="thin", driver="lvm-thin", place="vg/thin", host="store", ratio=2.0)
    gone = StoragePool(name="gone", driver="nfs", place="store:/export")
    return [
        PoolRow(near, PoolFact("default", 100 * GIB, 75 * GIB), 40, 3),
        PoolRow(thin, PoolFact("thin", 10 * GIB, 1 * GIB), 18, 5),
        PoolRow(gone, PoolFact("gone", error="no route to host"), 7, 1),
    ]


def _form(app: Quarterdeck) -> Form:
    assert isinstance(app.screen, Form)
    return app.screen


async def test_pools_are_listed_with_gauges_made_changed_and_deleted(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(Pools, "create", lambda self, new: done.append(new))
    monkeypatch.setattr(Pools, "set", lambda self, ref, **new: done.append((ref, new)))
    monkeypatch.setattr(Pools, "delete", lambda self, *refs: done.append(refs))
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go("pools")
        await until(pilot, lambda: "thin" in screen(app))
        lines = {line.split()[0]: line for line in screen(app).splitlines() if line.split()}
        assert "██░░░░░░ 25%" in lines["default"]
        assert "40 of 100 GiB" in lines["default"]
        assert "filling" in lines["thin"]
        assert "18 of 20 GiB" in lines["thin"]
        assert "down" in lines["gone"]
        await pilot.press("c")
        await until(pilot, lambda: "New pool" in screen(app) and _form(app).row("name").value)
        _form(app).query_one("#field-place").value = "/srv/more"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: done)
        assert (done[0].name, done[0].driver, done[0].place) == ("pool-1", "file", "/srv/more")
        await until(pilot, lambda: not isinstance(app.screen, Form))
        await pilot.press("j", "e")
        await until(pilot, lambda: "Change pool" in screen(app))
        await until(pilot, lambda: _form(app).row("ratio").value)
        _form(app).query_one("#field-ratio").value = "3"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(done[-1], tuple))
        ref, new = done[-1]
        assert new == {"ratio": 3.0, "enabled": None}
        assert ref == "thin"
        await until(pilot, lambda: not isinstance(app.screen, Form))
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
        await pilot.press("y")
        await until(pilot, lambda: done[-1] == ("thin",))


async def test_volume_types_are_listed_made_and_changed(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(
        VolumeTypes, "create", lambda self, name, **new: done.append((name, new)) or VolumeType()
    )
    monkeypatch.setattr(VolumeTypes, "set", lambda self, ref, **new: done.append(new))
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go("types")
        await until(pilot, lambda: "plain" in screen(app))
        await pilot.press("c")
        await until(
            pilot, lambda: "New volume type" in screen(app) and _form(app).row("name").value
        )
        _form(app).query_one("#field-pool").value = "thin"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: done)
        name, new = done[0]
        assert (name, new["specs"], new["public"]) == (
            "type-1", {"volume_backend_name": "thin"}, True,
        )  # fmt: skip
        await until(pilot, lambda: not isinstance(app.screen, Form))
        await pilot.press("e")
        await until(pilot, lambda: "Change volume type" in screen(app))
        await until(pilot, lambda: _form(app).row("name").value == "plain")
        _form(app).query_one("#field-description").value = "of all kinds"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(done[-1], dict))
        new = done[-1]
        assert new["description"] == "of all kinds"
        assert (new["name"], new["specs"], new["unset"]) == (None, {}, [])


@pytest.mark.parametrize(
    ("key", "verb", "fields", "said"),
    [
        ("w", "extend", {"size": "5"}, ("Extend volume", VOLUME, 5)),
        ("l", "make", {"name": "twin"}, ("New volume", "twin", VOLUME)),
        ("b", "backup", {}, ("", VOLUME, None)),
    ],
)
async def test_a_volume_is_grown_cloned_and_backed_up(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch,
    key: str, verb: str, fields: dict[str, str], said: tuple[str, str, object],
) -> None:  # fmt: skip
    done: list[tuple[object, object]] = []
    heading, first, second = said
    monkeypatch.setattr(Volumes, "extend", lambda self, ref, size, **_: done.append((ref, size)))
    monkeypatch.setattr(Volumes, "make", lambda self, new: done.append((new.name, new.source)))
    monkeypatch.setattr(VolumeBackups, "make", lambda self, ref, *_, **__: done.append((ref, None)))
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go("volumes")
        await until(pilot, lambda: "hold" in screen(app))
        await pilot.press(key)
        if fields:
            await until(pilot, lambda: heading in screen(app))
            chosen = "volume" if verb == "extend" else "source"
            await until(pilot, lambda: VOLUME in str(_form(app).row(chosen).value))
            for name, value in fields.items():
                _form(app).query_one(f"#field-{name}").value = value  # type: ignore[attr-defined]
            await pilot.press("enter")
        await until(pilot, lambda: done)
        assert set(done) == {(first, second)}
