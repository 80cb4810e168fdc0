"""Plugging, QoS policies and trunks in the console, over a real store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import recorded
from sqlmodel import select
from waiting import screen, until

from backends.cloud import Cloud
from backends.plan.plan import Plan
from backends.records.instance import Instance
from backends.records.network import OWNER_INSTANCE, Network, Port
from backends.records.qos import QosPolicy, QosRule
from backends.records.trunk import Subport, Trunk
from backends.services.plugging import Plugging
from backends.services.qos import QosPolicies
from console.app import Quarterdeck
from console.widgets.form import Form

Maker = Callable[..., Quarterdeck]
POLICY, TRUNK, STEM, LEAF = (f"4000000{n}-0000-4000-8000-000000000000" for n in range(4))


@pytest.fixture
def paper(tmp_path: Path) -> recorded.Recorded:
    """The paper cloud with a policy `slow` and a trunk `stack` of ports `stem` and `leaf`."""
    made = recorded.make(tmp_path, instances=2, names=("web",))
    with made.write().write() as session:
        home, mine = session.exec(select(Network)).one(), made.project_id
        session.add(QosPolicy(id=POLICY, project_id=mine, name="slow", shared=True))
        session.flush()
        session.add(QosRule(policy_id=POLICY, type="bandwidth_limit", max_kbps=2000))
        back = Network(project_id=mine, name="backstage", qos_policy_id=POLICY)
        session.add(back)
        session.flush()
        for id_, name, network, device, owner in (
            (STEM, "stem", home.id, "", ""), (LEAF, "leaf", back.id, TRUNK, "trunk:subport")
        ):  # fmt: skip
            session.add(
                Port(
                    id=id_, name=name, network_id=network, project_id=mine, device_id=device,
                    mac=f"fa:16:3e:ee:00:0{len(owner) % 10}", device_owner=owner,
                )
            )  # fmt: skip
        session.flush()
        session.add(Trunk(id=TRUNK, project_id=mine, name="stack", port_id=STEM))
        session.flush()
        session.add(Subport(port_id=LEAF, trunk_id=TRUNK, segmentation_id=100))
    return made


@pytest.fixture
def cloud(paper: recorded.Recorded, tmp_path: Path) -> Cloud:
    return paper.open(domains=recorded.domains(tmp_path / "domains.xml", [1], [0]))


async def test_policies_and_trunks_are_reached_from_the_networks(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "backstage" in screen(app))
        await pilot.press("l")
        await until(pilot, lambda: "2,000 kbit/s" in screen(app))
        await pilot.press("escape", "t")
        await until(pilot, lambda: "100 leaf" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.panel.slug == "subports" and "backstage" in screen(app))


async def test_what_a_policy_and_a_trunk_are_is_described(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    app = deck(paper, cloud)
    async with app.run_test(size=(100, 40)) as pilot:
        for words, expected in ((":qos", "at most 2,000 kbit/s"), (":trunks", "VLAN 100")):
            await pilot.press(*words, "enter")
            await until(pilot, lambda: "AGE" in screen(app))
            await pilot.press("d")
            await until(pilot, lambda expected=expected: expected in screen(app))
            await pilot.press("escape")


async def test_the_topology_draws_a_trunks_subports(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud
) -> None:
    with paper.write().write() as session:
        stem = session.get_one(Port, STEM)
        stem.device_owner = OWNER_INSTANCE
        stem.device_id = session.exec(select(Instance.id)).all()[0]
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "◉" in screen(app) and "VLAN 100" in screen(app))


async def _formed(app: Quarterdeck, pilot: object) -> Form:
    await until(pilot, lambda: isinstance(app.screen, Form))  # type: ignore[arg-type]
    form = app.screen
    assert isinstance(form, Form)
    return form


async def test_a_port_is_plugged_into_the_instance_under_the_cursor(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        Plugging, "add_network",
        lambda self, *words, address="": done.append(("network", *words)),
    )  # fmt: skip
    monkeypatch.setattr(Plugging, "remove_port", lambda self, *words: done.append(words))
    monkeypatch.setattr(Cloud, "preview", lambda self, verb: Plan())
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "web" in screen(app))
        await pilot.press("a")
        form = await _formed(app, pilot)
        await until(pilot, lambda: form.values().get("what"))
        instance = form.values()["instance"]
        form.action_submit()
        await until(pilot, lambda: done)
        assert done[0][:2] == ("network", instance)
        done.clear()
        await pilot.press("v")
        form = await _formed(app, pilot)
        await until(pilot, lambda: form.values().get("port"))
        form.action_submit()
        await until(pilot, lambda: done)
        assert done[0][0] == instance


async def test_a_rule_is_changed_by_the_form_of_its_policy(
    deck: Maker, paper: recorded.Recorded, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(QosPolicies, "set_rule", lambda self, *words, **named: done.append(named))
    monkeypatch.setattr(QosPolicies, "set", lambda self, *words, **named: None)
    app = deck(paper, cloud)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*":qos", "enter")
        await until(pilot, lambda: "slow" in screen(app))
        await pilot.press("e")
        form = await _formed(app, pilot)
        await until(pilot, lambda: form.values().get("egress") == "2000")
        form.query_one("#field-egress").value = "500"  # type: ignore[attr-defined]
        form.action_submit()
        await until(pilot, lambda: done)
        assert done[-1] == {"max_kbps": 500}
