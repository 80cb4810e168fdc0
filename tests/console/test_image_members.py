"""Who an image is shared with, what is answered, and the disks on images: over a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recorded
from sqlmodel import select
from stored import still
from waiting import screen, until

from backends.cloud import Cloud
from backends.plan.plan import Plan
from backends.records.identity import Project
from backends.records.image import Image, ImageMember, Visibility
from backends.services.chain import Chains
from console.app import Quarterdeck
from console.screens.confirm import ConfirmPlan
from console.widgets.form import Form

Maker = Callable[..., Quarterdeck]


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    """The paper cloud with a project `다른`, which offers the image `theirs`."""
    made = recorded.make(tmp_path, instances=1, names=("등대",))
    with made.write().write() as session:
        other = Project(name="다른")
        session.add(other)
        session.flush()
        theirs = Image(
            project_id=other.id, name="theirs", disk_format="iso", imported=True,
            visibility=Visibility.SHARED,
        )  # fmt: skip
        session.add(theirs)
        session.flush()
        session.add(ImageMember(image_id=theirs.id, project_id=made.project_id))
    return made


@pytest.fixture
def cloud(paper: recorded.Recorded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    opened = paper.open()
    still(opened, monkeypatch)
    yield opened
    opened.close()


def value(app: Quarterdeck, field: str) -> str:
    """What a field of the form holds; empty until there is one."""
    there = isinstance(app.screen, Form) and app.screen.query(f"#field-{field}")
    return app.screen.row(field).value if there else ""  # type: ignore[attr-defined]


async def test_an_image_is_shared_and_shared_no_more(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go("images")
        await until(pilot, lambda: "VISIBLE" in screen(app) and app.panel.ids())
        await pilot.press("m")
        await until(pilot, lambda: "shared with no project; c shares it" in screen(app))
        await pilot.press("c")
        await until(pilot, lambda: value(app, "image"))
        app.screen.query_one("#field-project").value = "다른"  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "pending" in screen(app) and "다른" in screen(app))
        await pilot.press("enter", "d", "ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
        await pilot.press("y")
        await until(pilot, lambda: "shared with no project" in screen(app))
        assert list(cloud.images.members("lab")) == []


async def test_an_offered_image_is_accepted_and_rejected(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    def said() -> str:
        with cloud.context.store.read() as session:
            return str(session.exec(select(ImageMember.status)).one())

    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        app.go("images")
        await until(pilot, lambda: "VISIBLE" in screen(app) and app.panel.ids())
        await pilot.press("o")
        await until(pilot, lambda: "theirs  pending" in screen(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: said() == "accepted" and "theirs" in screen(app))
        await pilot.press("o")
        await until(pilot, lambda: "theirs  accepted" in screen(app))
        app.screen.query_one("#field-answer").value = "rejected"  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: said() == "rejected")


async def test_an_instances_disk_is_rebased_and_verified_and_a_disc_is_booted_from(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(Chains, "rebase", lambda self, *words: done.append(words))
    monkeypatch.setattr(Chains, "check", lambda self, *words: done.append(words))
    monkeypatch.setattr(Cloud, "preview", lambda self, verb: Plan())
    cloud.images.answer(next(i.id for i in cloud.images.list(membership="pending")
                             if i.name == "theirs"), "accepted")  # fmt: skip
    lab, guest = cloud.images.show("lab").id, recorded.instance_id(0)
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.ids() and "등대" in screen(app))
        await pilot.press("ctrl+k")
        await until(pilot, lambda: done == [(guest,)])
        await pilot.press("ctrl+o")
        await until(pilot, lambda: value(app, "instance") == guest)
        app.screen.query_one("#field-image").value = lab  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: done[-1] == (guest, lab))
        await until(pilot, lambda: not isinstance(app.screen, Form))
        await pilot.press("c")
        # The disc can be chosen, and is not what is suggested.
        await until(pilot, lambda: value(app, "image") == lab)
        options = app.screen.query_one("#field-image")._options  # type: ignore[attr-defined]
        assert "theirs  iso" in [str(shown) for shown, _ in options]
