"""Labels as files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backends.drivers.labels.driver import LabelDriver
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.errors import Refused
from backends.hosts import LocalHost
from backends.settings import Settings

ID = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("t-labels", tmp_path / "state", tmp_path / "run", "here")


@pytest.fixture
def driver(settings: Settings) -> LabelDriver:
    return LabelDriver(settings, LocalHost())


def quiet(_share: float) -> None:
    """Progress that nobody looks at."""


def test_a_label_is_written_read_replaced_and_removed(
    driver: LabelDriver, settings: Settings
) -> None:
    driver.apply(WriteLabel("project", ID, '{"name": "[red]"}'), quiet)
    driver.apply(WriteLabel("project", ID, '{"name": "blue"}'), quiet)
    driver.apply(WriteLabel("network", ID, "{}"), quiet)
    assert driver.facts() == {("project", ID): '{"name": "blue"}', ("network", ID): "{}"}
    assert driver.facts([("network", ID), ("network", "absent")]) == {("network", ID): "{}"}
    mode = stat.S_IMODE((settings.labels / "project" / f"{ID}.json").stat().st_mode)
    assert mode == 0o600
    for _ in range(2):
        driver.apply(RemoveLabel("project", ID), quiet)
    assert driver.facts() == {("network", ID): "{}"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", ".hidden", "x" * 65, "a\nb", "é"])
def test_an_id_that_leads_elsewhere_is_refused(driver: LabelDriver, name: str) -> None:
    for step in (WriteLabel("project", name, ""), RemoveLabel("project", name)):
        with pytest.raises(Refused) as refusal:
            driver.apply(step, quiet)
        assert refusal.value.code == "id.invalid"


def test_a_kind_that_leads_elsewhere_is_refused(driver: LabelDriver) -> None:
    with pytest.raises(Refused) as refusal:
        driver.apply(WriteLabel("..", ID, ""), quiet)
    assert refusal.value.code == "label.kind.invalid"


def test_what_is_no_label_is_passed_over(driver: LabelDriver, settings: Settings) -> None:
    driver.apply(WriteLabel("project", ID, "{}"), quiet)
    (settings.labels / "project" / f".{ID}.json.abc").write_text("an interrupted write")
    (settings.labels / "README").write_text("a stranger's")
    assert set(driver.facts()) == {("project", ID)}


def test_a_read_only_host_is_not_written_to(driver: LabelDriver, settings: Settings) -> None:
    driver.apply(WriteLabel("project", ID, "{}"), quiet)
    reader = LabelDriver(settings, LocalHost(read_only=True))
    assert set(reader.facts()) == {("project", ID)}
    for step in (WriteLabel("project", ID, "changed"), RemoveLabel("project", ID)):
        with pytest.raises(Refused) as refusal:
            reader.apply(step, quiet)
        assert refusal.value.code == "host.readonly"
    assert reader.facts() == {("project", ID): "{}"}
