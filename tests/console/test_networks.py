"""The panels of the network, the topology and orphans, over a real store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from sqlmodel import select
from waiting import line, screen, until

from backends.cloud import Cloud
from backends.drivers.qemu_img.steps import RemoveInstanceFiles
from backends.plan.orphans import Orphan
from backends.plan.plan import Plan
from backends.records.network import (
    OWNER_GATEWAY,
    OWNER_ROUTER,
    Address,
    LocalVlan,
    Network,
    Port,
    Subnet,
)
from backends.records.router import FloatingIp, Router
from backends.services.drift import Difference, Drift
from backends.services.network import Networks
from console.app import Quarterdeck
from console.screens.confirm import ConfirmPlan
from console.screens.describe import Describe
from console.widgets.form import Form
from console.widgets.lines import Lines, TextLine

Maker = Callable[..., Quarterdeck]
PUBLIC, GATE, LENT = (f"2000000{n}-0000-4000-8000-000000000000" for n in range(3))


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    """The paper cloud with a way out: network `public`, router `등대`, a floating IP."""
    made = recorded.make(tmp_path, instances=3, names=("web",))
    with made.write().write() as session:
        home = session.exec(select(Network)).one()
        inner = session.exec(select(Subnet)).one()
        session.add(Network(id=PUBLIC, project_id=made.project_id, name="public", external=True))
        session.flush()
        outer = Subnet(network_id=PUBLIC, project_id=made.project_id, cidr="203.0.113.0/24")
        session.add(outer)
        session.add(LocalVlan(host=recorded.HOST, vlan=2, network_id=PUBLIC))
        session.add(
            Router(id=GATE, project_id=made.project_id, name="등대", external_network_id=PUBLIC)
        )
        session.flush()
        for number, (network, subnet, address, owner) in enumerate((
            (PUBLIC, outer.id, "203.0.113.2", OWNER_GATEWAY),
            (home.id, inner.id, "10.80.0.1", OWNER_ROUTER),
            (PUBLIC, outer.id, "203.0.113.3", "network:floatingip"),
        )):  # fmt: skip
            port = Port(
                id=f"3000000{number}-0000-4000-8000-000000000000", network_id=network,
                project_id=made.project_id, mac=f"fa:16:3e:ff:00:0{number}", device_owner=owner,
                device_id=GATE if number < 2 else LENT,
            )  # fmt: skip
            session.add(port)
            session.flush()
            session.add(Address(subnet_id=subnet, address=address, port_id=port.id))
        session.flush()
        session.add(
            FloatingIp(
                id=LENT, project_id=made.project_id, network_id=PUBLIC, floating_port_id=port.id,
                address="203.0.113.3", port_id="10000000-0000-4000-8000-000000000000",
                fixed_address="10.80.0.10", router_id=GATE,
            )
        )  # fmt: skip
    return made


@pytest.fixture
def cloud(paper: recorded.Recorded, tmp_path: Path) -> Cloud:
    return paper.open(domains=recorded.domains(tmp_path / "domains.xml", [1], [0]))


async def test_from_the_networks_to_what_belongs_to_them_and_back(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "public" in screen(app))
        await pilot.press("r")
        await until(pilot, lambda: "203.0.113.2" in screen(app))
        assert "Networks › Routers" in line(app, "title")
        await pilot.press("enter")
        await until(pilot, lambda: "gateway" in screen(app) and "10.80.0.1" in screen(app))
        assert "등대" in line(app, "title")
        await pilot.press("escape", "escape", "f")
        await until(pilot, lambda: "203.0.113.3" in screen(app))
        assert "web" in screen(app)
        await pilot.press("escape", "u")
        await until(pilot, lambda: "default" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: "ingress" in screen(app))
        await pilot.press("escape", "escape", "s")
        await until(pilot, lambda: "10.80.0.0/16" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.panel.slug == "networks")


async def test_a_form_begins_with_what_is_under_the_cursor(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    def value(name: str) -> str:
        return app.screen.values().get(name, "") if isinstance(app.screen, Form) else ""

    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        for panel, key, field, wanted in (
            ("routers", "i", "router", GATE),
            ("routers", "o", "external", PUBLIC),
            ("floating-ips", "a", "floating_ip", LENT),
        ):
            await pilot.press("colon", *panel, "enter")
            await until(pilot, lambda: app.panel.ids())
            await pilot.press(key)
            await until(pilot, lambda field=field, wanted=wanted: value(field) == wanted)
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Form))


async def test_forms_that_change_begin_with_what_there_is(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    def values() -> dict[str, str]:
        return app.screen.values() if isinstance(app.screen, Form) else {}

    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        for panel, inside, expected in (
            ("networks", False, {"name": "harbour", "mtu": "1500", "up": "yes"}),
            ("routers", False, {"name": "등대", "up": "yes", "routes": ""}),
            ("floating-ips", False, {"port": "10000000-0000-4000-8000-000000000000"}),
            ("security-groups", False, {"name": "default", "stateful": "yes"}),
            ("security-groups", True, {"direction": "ingress", "ethertype": "IPv4"}),
        ):
            await pilot.press("colon", *panel, "enter")
            await until(pilot, lambda: app.panel.ids())
            if inside:
                await pilot.press("enter")
                await until(pilot, lambda: app.panel.slug == "rules" and app.panel.ids())
            await pilot.press("e")
            await until(pilot, lambda expected=expected: expected.items() <= values().items())
            if not inside:
                await pilot.press("ctrl+s")
                await until(pilot, lambda: "nothing was changed" in screen(app))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Form))


async def test_the_topology_is_drawn_zoomed_and_written(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, tmp_path: Path
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "◆── 등대  203.0.113.2  SNAT" in screen(app))
        assert "⇄ 203.0.113.3" in screen(app)
        assert "2 networks · 1 router · 3 instances" in line(app, "title")
        await pilot.press("slash", *"web", "enter", "enter")
        await until(pilot, lambda: isinstance(app.panel, Describe))
        await pilot.press("escape")
        await until(pilot, lambda: app.panel.slug == "topology")
        picture = tmp_path / "deck.svg"
        for name, wanted in ((picture, "written to"), (picture, "topology.file"),
                             (tmp_path / "deck.gif", "topology.format")):  # fmt: skip
            await pilot.press("w")
            await until(pilot, lambda: app.query("Prompt Input"))
            prompt = app.query_one("Prompt Input")
            prompt.value = str(name)  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, lambda wanted=wanted: wanted in line(app, "message"))
        assert "등대" in picture.read_text(encoding="utf-8")


async def test_in_a_wide_terminal_what_is_under_the_cursor_stands_beside_the_topology(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("3")
        await until(
            pilot, lambda: "external network" not in screen(app) and "public" in screen(app)
        )
        await pilot.press(*["down"] * 2)
        await until(pilot, lambda: "Interfaces" in screen(app))
        assert "Router" in screen(app)
        await pilot.press("end", "up", "up")
        await until(pilot, lambda: " Domain" in screen(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: " Domain" not in screen(app))


async def test_the_cursor_stays_on_its_line_when_the_lines_are_drawn_anew(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    lines = [TextLine(((text, ""),), "same") for text in ("head", "first", "second")]
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.fresh_at is not None)
        text = Lines(cursor=True)
        await app.mount(text)
        text.update(lines)
        text.action_move(2)
        text.update([*lines[:2], TextLine((("changed", ""),), "same")])
        assert text._cursor == 2
        text.update([TextLine((("above", ""),), "other"), *lines])
        assert text.key == "same"


async def test_orphans_are_asked_about_with_their_steps(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = Orphan(
        "files", "5a7e11ed", "folder of an instance", (RemoveInstanceFiles("5a7e11ed"),)
    )
    monkeypatch.setattr(Drift, "show", lambda self: Difference(Plan(), (orphan,)))
    monkeypatch.setattr(Drift, "orphans", lambda self: [orphan])
    monkeypatch.setattr(Drift, "_orphans", lambda self: (None, [orphan]))
    removed: list[object] = []
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("9")
        await until(pilot, lambda: "folder of an instance" in screen(app))
        await pilot.press("r")
        await until(pilot, lambda: "adopt or remove" in line(app, "message"))
        await pilot.press("f")
        await until(pilot, lambda: "only what is lost" in line(app, "message"))
        await pilot.press("d")
        await until(pilot, lambda: orphan.steps[0].text in screen(app))
        await pilot.press("escape", "ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
        assert orphan.steps[0].text in screen(app)
        monkeypatch.setattr(Drift, "remove_orphans", lambda self, refs: removed.append(refs))
        await pilot.press("n")
        await until(pilot, lambda: "not done" in line(app, "message"))
        assert removed == []
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmPlan))
        await pilot.press("y")
        # Once for the plan, and once in earnest.
        await until(pilot, lambda: removed == [["files:5a7e11ed"]] * 2)


async def test_a_description_begins_with_what_identifies(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.panel.ids())
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.panel, Describe) and app.panel.text.lines)
        words = [each.split() for each in screen(app).splitlines()]
        labels = [each[0] for each in words if each]
        begin = labels.index("Instance")
        assert labels[begin + 1 : begin + 4] == ["name", "id", "status"]
        said = screen(app)
        assert "128 MiB" in said
        assert "admin  (" in said
        assert not {"made", "absent", "position"} & set(labels)


async def test_the_cursor_goes_to_what_was_made(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(self: Networks, name: str, **more: object) -> Network:
        row = Network(id="4" * 8, project_id=paper.project_id, name=name)
        if more and not getattr(self.context._local, "preview", False):
            with self.context.store.write() as session:
                session.add(Network(**row.model_dump()))
        return row

    monkeypatch.setattr(Networks, "create", create)
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: app.panel.ids() and "public" in screen(app))
        assert app.panel.names() == "harbour"
        await pilot.press("c")
        form = lambda: app.screen if isinstance(app.screen, Form) else None  # noqa: E731
        await until(pilot, lambda: form() and form().values()["name"])  # type: ignore[union-attr]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.panel.names() == "network-1")
