"""The console over a real store, with libvirt's test driver for the machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from sqlalchemy import text
from textual import events
from waiting import line, screen, until

from backends.cloud import Cloud
from backends.errors import MachineFailed
from backends.locks import operation_lock
from backends.records.base import now
from backends.records.operation import Operation, Outcome
from console.actions import REGISTRY, offered
from console.app import Quarterdeck
from console.panels import PANELS, make
from console.screens.confirm import ConfirmPlan
from console.screens.describe import Describe, Yaml

Maker = Callable[..., Quarterdeck]
SIZES = [(80, 24), (200, 50)]


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    return recorded.make(tmp_path, instances=4, names=("[red]한글", "db-1"))


@pytest.fixture
def cloud(paper: recorded.Recorded, tmp_path: Path) -> Cloud:
    # web-2 should be stopped and runs; 3 should run and does; the first two have no domain.
    return paper.open(domains=recorded.domains(tmp_path / "domains.xml", [2, 3], []))


def names(app: Quarterdeck) -> list[str]:
    return [app.panel.title(item) for item in app.panel.table.rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES)
async def test_instances_show_what_should_be_and_what_is(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, size: tuple[int, int]
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        shown = screen(app)
        assert "[red]한글" in shown  # markup is text
        rows = {words[0]: words[1] for each in shown.splitlines() if (words := each.split())[1:]}
        assert rows["web-2"] == "ACTIVE≠stopped"
        assert rows["web-3"] == "ACTIVE"
        assert rows["db-1"] == "MISSING≠running"
        assert all(len(each) <= size[0] for each in shown.splitlines())


async def test_every_panel_comes_up_and_keeps_its_filter(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("slash", *"web", "enter")
        await until(pilot, lambda: len(names(app)) == 2)
        for entry in PANELS:
            await pilot.press("colon", *entry.slug, "enter")
            await until(pilot, lambda entry=entry: app.panel.slug == entry.slug)
            await until(pilot, lambda: app.panel.fresh_at is not None or app.panel.error)
        await pilot.press("2")
        await until(pilot, lambda: app.panel.slug == "instances")
        assert names(app) == ["web-2", "web-3"]
        assert "/web" in line(app, "title")
        await pilot.press("escape")
        await until(pilot, lambda: len(names(app)) == 4)


async def test_enter_opens_and_escape_comes_back(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("j", "d")
        await until(pilot, lambda: isinstance(app.panel, Describe) and app.panel.text.lines)
        assert "Instances › db-1 › describe" in line(app, "title")
        await pilot.press("escape", "y")
        await until(pilot, lambda: isinstance(app.panel, Yaml) and app.panel.text.lines)
        assert f"id: {recorded.instance_id(1)}" in screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.panel.slug == "instances")
        assert app.panel.ids() == [recorded.instance_id(1)]
        await pilot.press("6", "enter")
        await until(pilot, lambda: app.panel.slug == "ports" and len(names(app)) == 4)
        assert "Networks › harbour" in line(app, "title")


async def test_shift_and_a_letter_sort_and_the_cursor_stays_on_its_row(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        first = app.panel.ids()
        await pilot.press("N")
        await until(pilot, lambda: names(app)[0] == "[red]한글")
        await pilot.press("N")
        await until(pilot, lambda: names(app)[0] == "web-3")
        assert app.panel.ids() == first
        assert "NAME↓" in screen(app)


async def test_a_click_on_a_header_sorts_and_a_double_click_opens(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        table = app.panel.table  # type: ignore[attr-defined]
        await pilot.click(table, offset=(3, 0))
        assert table.view.sort == "name"
        await pilot.click(table, offset=(3, 2))
        assert app.panel.ids() == [recorded.instance_id(1)]
        await pilot.click(table, offset=(3, 2), times=2)
        await until(pilot, lambda: isinstance(app.panel, Describe))


async def test_what_another_process_records_shows_by_itself(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4 and app._events is not None)
        await pilot.press("end")
        cursor = app.panel.ids()
        store = paper.write()
        with store.write() as session:
            session.execute(text("UPDATE instance SET name = 'renamed' WHERE name = 'db-1'"))
        store.close()
        await until(pilot, lambda: "renamed" in names(app))
        assert app.panel.ids() == cursor


async def test_delete_shows_its_plan_and_no_means_no(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[object] = []
    original = cloud.preview

    def preview(verb: Callable[[], object]) -> object:
        planned.append(verb)
        return original(verb)

    monkeypatch.setattr(cloud, "preview", preview)
    # Open vSwitch's facts are no part of this.
    from backends.drivers.ovs.facts import OvsFacts

    monkeypatch.setattr(cloud.machine.ovs, "facts", lambda **_: OvsFacts())
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("space", "space", "ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
        await pilot.press("n")
        await until(pilot, lambda: "not done" in line(app, "message"))
        assert len(planned) == 1
        assert len(cloud.instances.recorded()) == 4
        assert not any(row.absent for row in cloud.instances.recorded())


async def test_libvirt_away_leaves_the_rows_and_says_so(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)

        def away() -> object:
            raise MachineFailed("libvirt.unreachable", "libvirt does not answer; start libvirtd")

        with monkeypatch.context() as patch:
            patch.setattr(cloud.machine.libvirt, "states", away)
            app.panel.reload()
            await until(pilot, lambda: "libvirt.unreachable" in line(app, "title"))
            assert "states as of" in line(app, "title")
            assert "start libvirtd [libvirt.unreachable]" in line(app, "message")
            assert "ACTIVE≠stopped" in screen(app)
        app.panel.reload()
        await until(pilot, lambda: "libvirt.unreachable" not in line(app, "title"))


async def test_a_call_that_hangs_freezes_nothing(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = deck(paper, cloud)
    hang, original = threading.Event(), cloud.machine.libvirt.states

    def late() -> object:
        hang.wait()
        return original()

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        monkeypatch.setattr(cloud.machine.libvirt, "states", late)
        app.panel.reload()
        await pilot.press("j", "j")
        assert app.panel.ids() == [recorded.instance_id(2)]
        await until(pilot, lambda: "as of" in line(app, "title"))
        hang.set()
        await until(pilot, lambda: "as of" not in line(app, "title"))


async def test_what_nobody_expected_is_one_line(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        monkeypatch.setattr(cloud.images, "list", lambda **_: 1 / 0)
        app.panel.reload()
        await until(pilot, lambda: "ZeroDivisionError [internal]" in line(app, "message"))
        await pilot.press("j")
        assert len(names(app)) == 4


async def test_keys_are_remapped_by_id(deck: Maker, paper: recorded.Recorded, cloud: Cloud) -> None:
    app = deck(paper, cloud, {"view.describe": "f7"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        assert "f7 describe" in line(app, "keys")
        await pilot.press("d")
        assert app.panel.slug == "instances"
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(app.panel, Describe))


@pytest.mark.parametrize("burst", [":images", "j:images", ":networks", ":images /web"])
async def test_what_comes_in_one_burst_goes_where_it_was_meant_to(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, burst: str
) -> None:
    """As over a slow line, where a whole word arrives at once."""
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        for each in burst:
            key = {":": "colon", "/": "slash", " ": "space"}.get(each, each)
            app.post_message(events.Key(key, each))
        app.post_message(events.Key("enter", "\r"))
        wanted = burst.partition(":")[2].split()[0]
        await until(pilot, lambda: app.panel.slug == wanted)
        assert app.panel.filtered == ("web" if "/" in burst else "")
        assert len(app.screen_stack) == 1


async def test_what_was_typed_before_there_was_a_panel_is_not_for_it(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    made = deck(paper, cloud)

    class Early(Quarterdeck):
        def on_load(self) -> None:
            for each in ":stop":
                self.post_message(events.Key({":": "colon"}.get(each, each), each))

    app = Early(made.access)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        await until(pilot, lambda: app._listens)
        assert not app.query("Prompt")
        assert len(app.screen_stack) == 1
        await pilot.press("colon")
        await until(pilot, lambda: app.query("Prompt"))


async def test_a_colon_in_a_field_is_a_letter(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        await pilot.press("slash", *"a", "colon", *"b", "slash")
        await until(pilot, lambda: app.panel.filtered == "a:b/")
        await pilot.press("escape", "question_mark", "colon")
        assert len(app.screen_stack) == 2
        assert not app.query("Prompt")


async def test_read_only_offers_nothing_that_writes(
    deck: Maker, paper: recorded.Recorded, tmp_path: Path
) -> None:
    cloud = paper.open(read_only=True)
    app = deck(paper, cloud)
    before = cloud.instances.recorded()
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        assert "READ-ONLY" in line(app, "header")
        for entry in PANELS:
            app.go(entry.slug)
            await until(pilot, lambda: app.panel.fresh_at is not None or app.panel.error)
            assert not any(action.writes for action in app.actions())
            keys = {action.key for action in app.panel.actions() if action.writes}
            await pilot.press(*sorted(keys - {a.key for a in app.actions()}))
            assert len(app.screen_stack) == 1
        assert cloud.instances.recorded() == before


def test_actions_have_one_key_each_in_a_panel() -> None:
    for entry in PANELS:
        panel = make(entry.slug)
        keys = [key for action in panel.actions() for key in action.key.split(",")]
        assert len(keys) == len(set(keys)), entry.slug
        letters = [column.letter for column in panel.columns if column.letter]
        assert len(letters) == len(set(letters)), entry.slug


def test_dangerous_actions_write_and_verbs_are_known_to_write() -> None:
    for action in REGISTRY.values():
        assert action.writes or not action.dangerous
        assert action.writes or action.verb is None
        assert offered(action, True)
        assert offered(action, False) is not action.writes


async def test_the_tray_shows_what_another_process_does_and_cancels_it(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    cloud.settings.locks.mkdir(parents=True)
    operation = Operation(
        verb="image.create", target_name="big", units=[], progress=0.25, deadline=now() + 60
    )
    store = paper.write()
    # Its process lives as long as this is held.
    lock = operation_lock(cloud.settings.locks, operation.id)
    lock.acquire()
    with contextlib.closing(store):
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: len(names(app)) == 4 and app._events is not None)
            assert not app.tray.display
            with store.write() as session:
                session.add(operation)
            await until(pilot, lambda: app.tray.display)
            await until(pilot, lambda: "image.create big  ████░░░░░░░░░░░░ 25%" in screen(app))
            await pilot.press("x")
            await until(pilot, lambda: "cancelling" in screen(app))
            with store.write() as session:
                session.get_one(Operation, operation.id).outcome = Outcome.CANCELLED
            await until(pilot, lambda: not app.tray.display)
    lock.release()


async def test_a_resize_keeps_the_row_and_fills_the_width(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        await pilot.press("j")
        assert "PROJECT" not in screen(app)
        await pilot.resize_terminal(200, 50)
        await until(pilot, lambda: "PROJECT" in screen(app) and "9 Drift" in screen(app))
        await pilot.resize_terminal(60, 12)
        await until(pilot, lambda: all(len(each) <= 60 for each in screen(app).splitlines()))
        assert app.panel.ids() == [recorded.instance_id(1)]


async def test_leaving_while_something_runs_asks_for_it_twice(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app, hang = deck(paper, cloud), threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(names(app)) == 4)
        app.perform("Wait", lambda _cloud: hang.wait())
        await pilot.press("q")
        assert "leave again" in line(app, "message")
        await pilot.press("q")
        assert app.return_code == 0
        hang.set()
