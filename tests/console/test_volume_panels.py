"""Groups of volumes, transfers, limits, and what is kept: over a real store, without a machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import recorded
from rich.cells import cell_len
from sqlmodel import select
from stored import fill, still, volume_id
from textual.pilot import Pilot
from waiting import line, screen, until

from backends.cloud import Cloud
from backends.errors import QuarterdeckError
from backends.plan.plan import Plan
from backends.records.identity import Project
from backends.records.operation import Operation
from backends.records.tables import Attachment, VolumeGroup, VolumeSnapshot, VolumeTransfer
from backends.records.volume import Volume
from backends.services.backup import VolumeBackups
from backends.services.transfer import Transfers
from backends.services.volume import Volumes
from console.app import Quarterdeck
from console.screens.confirm import ConfirmPlan
from console.screens.describe import as_lines
from console.screens.offered import Offered
from console.widgets.form import Form

Maker = Callable[..., Quarterdeck]
SIZES = [(80, 24), (200, 50)]


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    made = recorded.make(tmp_path, instances=2, names=("등대",))
    fill(made)
    return made


@pytest.fixture
def cloud(paper: recorded.Recorded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    opened = paper.open()
    still(opened, monkeypatch)
    yield opened
    opened.close()


async def at(app: Quarterdeck, pilot: Pilot[int], panel: str) -> None:
    """Show a panel, with its rows."""
    await until(pilot, lambda: app.panel.fresh_at is not None)
    app.go(panel)
    await until(pilot, lambda: app.panel.slug == panel and app.panel.fresh_at is not None)


async def formed(app: Quarterdeck, pilot: Pilot[int], field: str, value: str = "") -> Form:
    """The form, once it has filled the field in."""

    def filled() -> bool:
        if not isinstance(app.screen, Form) or not app.screen.query(f"#field-{field}"):
            return False
        found = app.screen.row(field).value
        return found == value if value else bool(found)

    await until(pilot, filled)
    assert isinstance(app.screen, Form)
    return app.screen


async def submitted(app: Quarterdeck, pilot: Pilot[int], **values: str) -> None:
    """Fill the form in, and see that the cloud took it."""
    for name, value in values.items():
        app.screen.query_one(f"#field-{name}").value = value  # type: ignore[attr-defined]
    await pilot.press("ctrl+s")
    await until(pilot, lambda: not isinstance(app.screen, Form))


async def confirmed(app: Quarterdeck, pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
    await pilot.press("y")


@pytest.mark.parametrize("size", SIZES)
async def test_a_group_is_made_of_marked_volumes_kept_and_taken_apart(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, size: tuple[int, int]
) -> None:
    groups = cloud.volume_groups
    app = deck(paper, cloud)
    async with app.run_test(size=size) as pilot:
        await at(app, pilot, "volumes")
        await until(pilot, lambda: "keel" in screen(app))
        await pilot.press("space", "space", "i")
        await formed(app, pilot, "name", "group-1")
        assert "Into a group: keel, 닻" in screen(app)
        await submitted(app, pilot, name="함대")
        await until(pilot, lambda: [row.group.name for row in groups.list()] == ["함대"])
        assert {each.name for each in groups.show("함대").volumes} == {"keel", "닻"}
        await pilot.press("o")
        await until(pilot, lambda: "keel, 닻" in screen(app))
        await pilot.press("a")
        await formed(app, pilot, "volume", volume_id(0))
        await submitted(app, pilot)
        await until(pilot, lambda: len(groups.show("함대").volumes) == 3)
        await pilot.press("enter")
        await until(pilot, lambda: app.panel.slug == "group-volumes" and len(app.panel.ids()) == 1)
        assert "함대" in line(app, "title")
        await pilot.press("space", "space", "ctrl+d")
        await until(pilot, lambda: [each.name for each in groups.show("함대").volumes] == ["돛"])
        await pilot.press("escape", "escape", "G", "h")
        await until(pilot, lambda: "돛 is in group 함대" in line(app, "message"))
        await pilot.press("k", "h")
        await until(pilot, lambda: "닻 is in-use" in line(app, "message"))
        await pilot.press("o")
        await until(pilot, lambda: app.panel.slug == "volume-groups" and app.panel.ids())
        await pilot.press("n")
        await formed(app, pilot, "name")
        await submitted(app, pilot, name="both")
        await until(pilot, lambda: groups.snapshots())
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "[volume_group.snapshots]" in line(app, "message"))
        await pilot.press("s")
        await until(pilot, lambda: app.panel.slug == "group-snapshots" and app.panel.ids())
        assert "돛" in screen(app)
        await pilot.press("ctrl+d")
        await confirmed(app, pilot)
        await until(pilot, lambda: not groups.snapshots())
        await pilot.press("escape", "ctrl+d")
        await confirmed(app, pilot)
        await until(pilot, lambda: not groups.list())


@pytest.mark.parametrize("size", SIZES)
async def test_the_key_of_an_offer_is_shown_once_and_kept_nowhere(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, size: tuple[int, int]
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=size) as pilot:
        await at(app, pilot, "volumes")
        await until(pilot, lambda: "돛" in screen(app))
        await pilot.press("G", "h")
        await formed(app, pilot, "volume", volume_id(0))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Offered))
        assert isinstance(app.screen, Offered)
        key = app.screen._values["key"]
        assert key in screen(app)
        # What is typed ahead neither closes it nor does anything beneath.
        await pilot.press("enter", "space", "q", "x", "c")
        await until(pilot, lambda: "copied the key" in screen(app))
        assert app.clipboard == key
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Offered))
        (offer,) = cloud.transfers.list()
        with cloud.context.store.read() as session:
            told = [row.model_dump_json() for row in session.exec(select(Operation))]
            told += [row.model_dump_json() for row in session.exec(select(VolumeTransfer))]
        assert len(told) == 2
        assert not [text for text in told if key in text]
        await pilot.press("f")
        await until(pilot, lambda: offer.id in screen(app))
        for each in ("d", "y"):
            await pilot.press(each)
            await until(pilot, lambda: "created" in screen(app))
            assert offer.key_hash not in screen(app)
            assert "key" not in screen(app)
            await pilot.press("escape")
        await pilot.press("ctrl+d")
        await confirmed(app, pilot)
        await until(pilot, lambda: not cloud.transfers.list())
        await until(pilot, lambda: "c offers a volume" in screen(app))


async def test_an_offer_is_accepted_by_its_id_and_key_alone(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    with paper.write().write() as session:
        other = Project(name="다른")
        session.add(other)
        session.flush()
        session.get_one(Volume, volume_id(0)).project_id = other.id
    offer, key = Transfers(cloud.context).create(volume_id(0))
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await at(app, pilot, "transfers")
        await pilot.press("a")
        await until(pilot, lambda: "as its owner told it" in screen(app))
        form = app.screen
        assert isinstance(form, Form)
        form.query_one("#field-transfer").value = "돛"  # type: ignore[attr-defined]
        form.query_one("#field-key").value = "f" * 32  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "[transfer.id]" in screen(app))
        assert "f" * 32 not in screen(app)
        form.query_one("#field-transfer").value = offer.id  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "[transfer.not_found]" in screen(app))
        await submitted(app, pilot, key=f" {key}")
        await until(pilot, lambda: not cloud.transfers.list(all_projects=True))
        assert cloud.volumes.show(volume_id(0)).volume.project_id == paper.project_id


async def test_limits_are_made_given_to_types_changed_and_deleted(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    types = cloud.volume_types
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await at(app, pilot, "types")
        await pilot.press("l")
        await until(pilot, lambda: "gentle" in screen(app) and "500" in screen(app))
        await pilot.press("c")
        await formed(app, pilot, "name", "limits-1")
        await submitted(app, pilot, name="급류", total_bytes_sec=str(100 << 20))
        await until(pilot, lambda: "100 MiB/s" in screen(app))
        await pilot.press("escape", "e")
        form = await formed(app, pilot, "name", "plain")
        form.query_one("#field-qos").value = types.qos_show("급류")[0].id  # type: ignore[attr-defined]
        await submitted(app, pilot)
        await until(pilot, lambda: "급류" in screen(app))
        await pilot.press("l")
        await until(pilot, lambda: app.panel.slug == "volume-qos" and "plain" in screen(app))
        await pilot.press("e")
        await formed(app, pilot, "total_iops_sec", "500")
        assert "Change limits of volumes: gentle" in screen(app)
        await submitted(app, pilot, total_iops_sec="", read_iops_sec="50", write_iops_sec="70")
        kept = {"read_iops_sec": "50", "write_iops_sec": "70"}
        await until(pilot, lambda: types.qos_show("gentle")[0].specs == kept)
        await pilot.press("e")
        form = await formed(app, pilot, "read_iops_sec", "50")
        form.query_one("#field-total_iops_sec").value = "9"  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "[qos.limit]" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Form))
        await pilot.press("space", "space", "ctrl+d")
        await until(pilot, lambda: "[qos.in_use]" in line(app, "message"))
        await pilot.press("g", "ctrl+d")
        await confirmed(app, pilot)
        await until(pilot, lambda: [each.name for each in types.qos_list()] == ["급류"])


async def test_marked_volumes_are_moved_and_one_is_taken_from_the_instance_that_is_chosen(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        Volumes, "retype", lambda self, ref, type_, *, migrate: done.append((ref, type_, migrate))
    )
    monkeypatch.setattr(Volumes, "detach", lambda self, *words: done.append(words))
    monkeypatch.setattr(Cloud, "preview", lambda self, verb: Plan())
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await at(app, pilot, "volumes")
        await until(pilot, lambda: "keel" in screen(app))
        await pilot.press("space", "G", "space", "m")
        await until(pilot, lambda: "Move or retype: keel, 돛" in screen(app))
        plain = cloud.volume_types.show("plain").id

        def choices() -> list[str]:
            return [value for _, value in app.screen.query_one("#field-to")._options]  # type: ignore[attr-defined]

        await until(pilot, lambda: f"type:{plain}" in choices() and "pool:default" in choices())
        await submitted(app, pilot, to=f"type:{plain}")
        moved = [(volume_id(2), plain, True), (volume_id(0), plain, True)]
        await until(pilot, lambda: done == moved)
        done.clear()
        await pilot.press("g", "j", "u")
        form = await formed(app, pilot, "instance", recorded.instance_id(1))
        assert form.values()["volume"] == volume_id(1)
        await submitted(app, pilot, instance=recorded.instance_id(0))
        await until(pilot, lambda: done == [(volume_id(1), recorded.instance_id(0))])


async def test_a_shared_volume_is_attached_to_who_does_not_have_it_yet(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    with paper.write().write() as session:
        session.delete(session.get_one(Attachment, (volume_id(1), recorded.instance_id(0))))
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await at(app, pilot, "volumes")
        await until(pilot, lambda: "keel" in screen(app))
        await pilot.press("j", "a")
        form = await formed(app, pilot, "instance", recorded.instance_id(0))
        assert form.values()["volume"] == volume_id(1)


async def test_snapshots_and_backups_have_panels_of_their_own(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    with paper.write().write() as session:
        from backends.records.backup import VolumeBackup

        mine = paper.project_id
        session.add(
            VolumeSnapshot(project_id=mine, volume_id=volume_id(0), name="어제", size=2, made=True)
        )
        first = VolumeBackup(
            project_id=mine, volume_id=volume_id(0), name="full", size=2, made=True
        )
        session.add(first)
        session.flush()
        session.add(
            VolumeBackup(
                project_id=mine, volume_id=volume_id(0), name="then", size=2, made=True,
                parent_id=first.id, created_at=time.time() + 1,
            )
        )  # fmt: skip
    monkeypatch.setattr(VolumeBackups, "restore", lambda self, *words: done.append(words))
    monkeypatch.setattr(VolumeBackups, "delete", lambda self, *words: done.append(words))
    monkeypatch.setattr(Volumes, "revert", lambda self, ref: done.append(ref))
    monkeypatch.setattr(Cloud, "preview", lambda self, verb: Plan())
    (kept,) = cloud.snapshots.list()
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await at(app, pilot, "volumes")
        await pilot.press("s")
        await until(pilot, lambda: "어제" in screen(app))
        await pilot.press("r")
        await confirmed(app, pilot)
        await until(pilot, lambda: done == [kept.snapshot.id])
        await pilot.press("l")
        await formed(app, pilot, "source", f"snapshot:{kept.snapshot.id}")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Form))
        await pilot.press("escape", "v")
        await until(pilot, lambda: "then" in screen(app) and app.panel.slug == "backups")
        done.clear()
        await pilot.press("r")
        form = await formed(app, pilot, "volume", volume_id(0))
        assert "what the volume holds is lost" in screen(app)
        assert form.values()["backup"] == first.id
        await submitted(app, pilot)
        await until(pilot, lambda: done == [(first.id, volume_id(0))])
        done.clear()
        # A chain goes as one: neither of the two could go first.
        await pilot.press("space", "space", "ctrl+d")
        await confirmed(app, pilot)
        await until(pilot, lambda: done and len(done[0]) == 2)  # type: ignore[arg-type]


def test_labels_in_any_script_stand_in_one_column() -> None:
    rows = [("닻", "1 GiB", ""), ("keel", "2 GiB\nof it", ""), ("2026-11-20 15.36.39", "on", "")]
    text = [each.text for each in as_lines([("Volumes", rows)])]
    found = [cell_len(line[: line.index(word)]) for line, word in zip(
        text[2:], ("1", "2", "of", "on"), strict=True)]  # fmt: skip
    assert found == [23] * 4


async def test_read_only_offers_nothing_that_writes_here(
    deck: Maker, paper: recorded.Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paper.write().write() as session:
        group = VolumeGroup(project_id=paper.project_id, name="함대")
        session.add(group)
        session.flush()
        session.get_one(Volume, volume_id(0)).group_id = group.id
    cloud = paper.open(read_only=True)
    still(cloud, monkeypatch)
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        for panel in ("volume-groups", "group-snapshots", "transfers", "volume-qos", "types",
                      "snapshots", "backups", "volumes"):  # fmt: skip
            await at(app, pilot, panel)
            assert not [action.id for action in app.actions() if action.writes]
            for key in ("c", "e", "a", "n", "h", "i", "ctrl+d", "ctrl+x"):
                await pilot.press(key)
            assert not isinstance(app.screen, Form | ConfirmPlan)
        refusals: list[str] = []
        verbs: list[Callable[[], Any]] = [
            lambda: cloud.volume_groups.create("x"),
            lambda: cloud.transfers.create(volume_id(0)),
            lambda: cloud.volume_types.qos_create("x", {}),
        ]
        for verb in verbs:
            with suppress(QuarterdeckError):
                verb()
                refusals.append("none")
        assert refusals == []
    cloud.close()
