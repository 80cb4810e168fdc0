"""The forms, on a cloud that is only recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlmodel import select
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static

from backends.errors import MachineFailed, Refused, Usage
from backends.records.network import LocalVlan, Subnet
from backends.records.security import SecurityGroup
from console.beside import Crashed
from console.screens.confirm import ConfirmPlan
from console.screens.create import FORMS, form_for
from console.screens.forms import kept, suggest, volume_group
from console.widgets.fields import Row
from console.widgets.form import Form, Request
from tests.console import recorded


class Stage(App[None]):
    """Opens a form and keeps what it gives."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.given: list[Request | None] = []
        self.crashes: list[Exception] = []

    def on_mount(self) -> None:
        self.push_screen(self.form, self.given.append)

    def on_crashed(self, message: Crashed) -> None:
        self.crashes.append(message.error)

    @property
    def filled(self) -> bool:
        """Whether what the form loads is there."""
        assert not self.crashes
        found = self.form.load()
        rows = {row.field.name: row for row in self.form.query(Row)}
        return bool(rows) and all(rows[n].value == loaded.value for n, loaded in found.items())


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still for the names that forms suggest."""
    for module in (kept, volume_group):
        monkeypatch.setattr(module, "moment", lambda: "2026-11-20 12.00.00")


@asynccontextmanager
async def opened(
    root: Path, kind: str, *, size: tuple[int, int] = (80, 24), instances: int = 2
) -> AsyncIterator[tuple[Stage, Pilot[None]]]:
    made = recorded.make(root, instances=instances)
    with made.write().write() as session:
        for subnet in session.exec(select(Subnet)):
            subnet.allocation_pools = [{"start": "10.80.9.1", "end": "10.80.9.9"}]
            vlan = LocalVlan(host=recorded.HOST, vlan=1, network_id=subnet.network_id)
            session.merge(vlan)
    cloud = made.open()
    app = Stage(form_for(kind, cloud))
    try:
        async with app.run_test(size=size) as pilot:
            await until(lambda: app.filled, pilot)
            yield app, pilot
    finally:
        cloud.close()


async def until(condition: Callable[[], object], pilot: Pilot[None]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert not pilot.app.crashes  # type: ignore[attr-defined]
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    await pilot.pause()


def wrong(form: Form, name: str) -> str:
    """What is shown beneath a field."""
    row = form.row(name)
    return str(row.query_one(".wrong", Static).content) if row.has_class("-wrong") else ""


def give(form: Form, name: str, value: str) -> None:
    """Put a value into a field, as typing does."""
    editor = form.query_one(f"#field-{name}")
    if isinstance(editor, Input | Select):
        editor.value = value


@pytest.mark.parametrize("kind", sorted(FORMS))
async def test_every_form_fits_a_small_terminal(tmp_path: Path, kind: str) -> None:
    async with opened(tmp_path, kind) as (app, pilot):
        frame = app.form.query_one("#form").region
        assert frame.width <= 80
        assert frame.bottom <= 24
        assert app.form.query_one("#submit").region.bottom <= 23
        # With every field refused the buttons still are in view.
        for row in app.form.query(Row):
            row.add_class("-wrong")
            row.query_one(".wrong", Static).update("x" * 200)
        await pilot.pause()
        assert app.form.query_one("#submit").region.bottom <= 23
        await pilot.press("escape")
        assert app.given == [None]


async def test_an_instance_with_what_is_suggested(tmp_path: Path) -> None:
    async with opened(tmp_path, "instance") as (app, pilot):
        values = app.form.values()
        assert values["name"] == "instance-1"
        assert values["flavor"]
        assert values["image"]
        assert values["network"]
        assert values["config_drive"] == "yes"
        await pilot.press("enter")
        await until(lambda: bool(app.given), pilot)
        (request,) = app.given
        assert request is not None
        assert request.title == "Create instance instance-1"


async def test_an_instance_is_planned_before_it_is_made(tmp_path: Path) -> None:
    async with opened(tmp_path, "instance") as (app, pilot):
        await pilot.press("f2")
        await until(lambda: isinstance(app.screen, ConfirmPlan) or wrong_line(app.form), pilot)
        assert wrong_line(app.form) == ""
        await pilot.press("escape")
        assert app.screen is app.form
        assert not app.given
        assert [row.name for row in app.form.cloud.instances.list()] == ["web-0", "web-1"]


def wrong_line(form: Form) -> str:
    """The refusal above the buttons."""
    refusal = form.query_one("#refusal", Static)
    return str(refusal.content) if refusal.has_class("-wrong") else ""


async def test_a_refused_plan_is_one_line_with_its_code(tmp_path: Path) -> None:
    async with opened(tmp_path, "subnet") as (app, pilot):
        give(app.form, "cidr", "10.80.5.0/24")
        await pilot.pause()
        await pilot.press("f2")
        await until(lambda: wrong_line(app.form), pilot)
        assert "[network.subnet.overlap]" in wrong_line(app.form)


async def test_what_is_typed_is_checked_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, "subnet") as (app, pilot):
        assert app.form.values()["cidr"] == "10.0.0.0/24"
        give(app.form, "cidr", "10.0.0.1/24")
        await pilot.pause()
        assert "[network.subnet.invalid]" in wrong(app.form, "cidr")
        await pilot.press("enter")
        assert not app.given
        give(app.form, "cidr", "10.9.0.0/16")
        give(app.form, "gateway", "10.8.0.1")
        await pilot.pause()
        assert wrong(app.form, "cidr") == ""
        await pilot.press("enter")
        assert "[network.address.outside]" in wrong_line(app.form)
        give(app.form, "gateway", "none")
        give(app.form, "dns", "1.1.1.1, nine")
        await pilot.pause()
        assert "[network.address.invalid]" in wrong(app.form, "dns")


@pytest.mark.parametrize("name", ["$(reboot)", "../etc", "<b>", "[red]", "a" * 300, "a\tb"])
async def test_bad_names_are_refused_as_text(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path, "volume") as (app, pilot):
        give(app.form, "name", name)
        await pilot.pause()
        assert "[name.invalid]" in wrong(app.form, "name")
        await pilot.press("enter")
        assert not app.given


async def test_a_tick_changes_by_space_and_enter_submits(tmp_path: Path) -> None:
    async with opened(tmp_path, "flavor") as (app, pilot):
        app.form.query_one("#field-public").focus()
        await pilot.press("space")
        assert app.form.values()["public"] == ""
        await pilot.click("#field-public")
        assert app.form.values()["public"] == "yes"
        await pilot.press("enter")
        await until(lambda: bool(app.given), pilot)
        assert app.given[0] is not None


async def test_a_missing_field_has_the_focus(tmp_path: Path) -> None:
    async with opened(tmp_path, "volume") as (app, pilot):
        give(app.form, "size", "")
        await pilot.press("enter")
        assert "[form.missing]" in wrong(app.form, "size")
        assert app.focused is app.form.query_one("#field-size")
        await pilot.press("0")
        assert "[form.number]" in wrong(app.form, "size")


async def test_a_verb_of_each_simple_form_can_be_planned(tmp_path: Path) -> None:
    for kind in ("network", "volume", "project", "flavor", "rule", "port", "user"):
        root = tmp_path / kind
        root.mkdir()
        async with opened(root, kind) as (app, pilot):
            if kind == "rule":
                give(app.form, "ports", "22")
            await pilot.press("f2")
            await until(
                lambda app=app: isinstance(app.screen, ConfirmPlan) or wrong_line(app.form), pilot
            )
            assert wrong_line(app.form) == "", kind
            await pilot.press("y")
            await until(lambda: bool(app.given), pilot)
            assert app.given[0] is not None


async def test_an_image_takes_name_and_format_from_its_file(tmp_path: Path) -> None:
    disk = tmp_path / "debian-12.img"
    disk.write_bytes(b"QFI\xfb" + bytes(2000))
    async with opened(tmp_path, "image") as (app, pilot):
        give(app.form, "format", "raw")
        give(app.form, "source", str(disk))
        await pilot.pause()
        await pilot.pause()
        assert app.form.values()["name"] == "debian-12"
        assert app.form.values()["format"] == "qcow2"
        give(app.form, "name", "mine")
        await pilot.pause()
        give(app.form, "source", str(tmp_path / "nothing"))
        await pilot.pause()
        assert app.form.values()["name"] == "mine"
        assert "[form.file]" in wrong(app.form, "source")


async def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    async with opened(tmp_path, "user") as (app, pilot):
        give(app.form, "password", "short")
        await pilot.pause()
        assert "[user.password.short]" in wrong(app.form, "password")
        shown = "\n".join(line.text for line in app.screen._compositor.render_strips())
        assert "•••••" in shown
        assert "short [" not in shown
        assert "│ short" not in shown


def test_suggestions(tmp_path: Path) -> None:
    assert suggest.next_name("web", {"web-1", "web-3"}) == "web-2"
    assert suggest.free_range(["10.0.0.0/16", "fd00::/64", "10.1.0.128/25"]) == "10.1.1.0/24"
    (tmp_path / "images").mkdir()
    (tmp_path / "image.qcow2").touch()
    (tmp_path / ".hidden").touch()
    assert suggest.complete_path(f"{tmp_path}/im") == f"{tmp_path}/image.qcow2"
    assert suggest.complete_path(f"{tmp_path}/images") == f"{tmp_path}/images/"
    assert suggest.complete_path(f"{tmp_path}/") == f"{tmp_path}/image.qcow2"
    assert suggest.complete_path(f"{tmp_path}/x") is None
    assert suggest.complete_path(f"{tmp_path}/nowhere/x") is None
    assert suggest.addresses_listed(" 1.1.1.1,::1 ") == ("1.1.1.1", "::1")
    with pytest.raises(Refused):
        suggest.number("it", 1, 5)("²")


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    cloud = recorded.make(tmp_path).open()
    with pytest.raises(Usage):
        form_for("moon", cloud)
    cloud.close()


async def test_what_the_cloud_refuses_leaves_the_form_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path, "security_group") as (app, pilot):
        app.form.query_one("#field-name", Input).value = "default"
        await pilot.press("ctrl+s")
        refusal = app.form.query_one("#refusal", Static)
        await until(lambda: "security_group.exists" in str(refusal.render()), pilot)
        assert app.given == []
        app.form.query_one("#field-name", Input).value = "도크"
        await pilot.press("ctrl+s")
        await until(lambda: bool(app.given), pilot)
        assert app.given[0] is not None


async def test_a_form_has_what_the_panel_implies(tmp_path: Path) -> None:
    made = recorded.make(tmp_path)
    with made.write().write() as session:
        group = "9e000000-0000-4000-8000-000000000000"
        session.add(SecurityGroup(id=group, project_id=made.project_id, name="web"))
    cloud = made.open()
    try:
        app = Stage(form_for("rule", cloud, {"group": group}))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(lambda: app.form.values()["group"] == group, pilot)
            values = app.form.values()
            assert (values["direction"], values["protocol"]) == ("ingress", "tcp")
            app.form.query_one("#field-prefix", Input).value = "10.0.0.0/33"
            await pilot.press("ctrl+s")
            assert app.given == []
            app.form.query_one("#field-prefix", Input).value = "10.0.0.0/24"
            app.form.query_one("#field-ports", Input).value = "8000-8080"
            await pilot.press("ctrl+s")
            await until(lambda: bool(app.given), pilot)
        request = app.given[0]
        assert request is not None
        # The rule is recorded, though this cloud has no switch.
        with suppress(MachineFailed):
            request.verb(cloud)
        rule = next(each for each in cloud.security_groups.rules(group) if each.remote_prefix)
        assert (rule.port_min, rule.port_max, rule.remote_prefix) == (8000, 8080, "10.0.0.0/24")
    finally:
        cloud.close()
