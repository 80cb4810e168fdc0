"""Volumes in files, and LVM's tags and commands."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.drivers.volumes import tags
from backends.drivers.volumes.driver import VolumeDriver
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.pool import Pool
from backends.drivers.volumes.steps import CreateVolume, LabelVolume, RemoveVolume
from backends.errors import Refused
from backends.hosts import LocalHost, Output
from backends.settings import Settings

ID = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"
OTHER = "d2b7a1ce-95a3-4ce3-8f39-5b33e3f8a0a7"
GIB = 1 << 30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("t-volumes", tmp_path / "state", tmp_path / "run", "here")


@pytest.fixture
def grouped(settings: Settings) -> Settings:
    return replace(settings, volume_group="pool")


class FilesHost(LocalHost):
    """This machine, but without any logical volume."""

    def run(self, argv: Sequence[str], **options: object) -> Output:
        if argv[0] == "lvs":
            return Output(0, json.dumps({"report": [{"lv": []}]}), "")
        return super().run(argv, **options)  # type: ignore[arg-type]


FILES = Pool()
GROUP = Pool(driver="lvm", place="pool")


def quiet(_share: float) -> None:
    """Progress that nobody looks at."""


def test_a_file_volume_lives_its_life(settings: Settings) -> None:
    driver = VolumeDriver(settings, FilesHost())
    for _ in range(2):
        driver.apply(CreateVolume(ID, FILES, GIB, '{"name": "one"}'), quiet)
    path = driver.path(ID, FILES)
    status = path.stat()
    assert (status.st_size, stat.S_IMODE(status.st_mode)) == (GIB, 0o600)
    assert status.st_blocks * 512 < GIB // 100  # sparse
    assert driver.facts() == {ID: VolumeFact(ID, "file", GIB, '{"name": "one"}')}
    driver.apply(LabelVolume(ID, FILES, '{"name": "two"}'), quiet)
    assert driver.facts([ID, OTHER])[ID].label == '{"name": "two"}'
    assert driver.facts([OTHER]) == {}
    for _ in range(2):
        driver.apply(RemoveVolume(ID, FILES), quiet)
    assert driver.facts() == {}
    assert list(settings.volumes.iterdir()) == []


def test_creating_again_keeps_what_the_volume_holds(settings: Settings) -> None:
    driver = VolumeDriver(settings, FilesHost())
    driver.apply(CreateVolume(ID, FILES, 4096, "{}"), quiet)
    driver.path(ID, FILES).write_bytes(b"precious")
    driver.apply(CreateVolume(ID, FILES, 4096, "{}"), quiet)
    assert driver.path(ID, FILES).read_bytes() == b"precious"


def test_what_an_interrupted_creation_left_is_found_and_removed(settings: Settings) -> None:
    driver = VolumeDriver(settings, FilesHost())
    settings.volumes.mkdir(parents=True)
    (settings.volumes / f".{ID}.partial").write_bytes(b"")
    (settings.volumes / f"{OTHER}.json").write_text("{}")
    assert driver.facts() == {}
    assert driver.leftovers() == {ID, OTHER}
    driver.apply(RemoveVolume(ID, FILES), quiet)
    driver.apply(CreateVolume(OTHER, FILES, 4096, '{"fresh": 1}'), quiet)
    assert driver.leftovers() == frozenset()
    assert driver.facts()[OTHER].label == '{"fresh": 1}'


@pytest.mark.parametrize("pool", [FILES, GROUP])
def test_an_id_that_leads_elsewhere_is_refused(settings: Settings, pool: Pool) -> None:
    driver = VolumeDriver(settings, FilesHost())
    with pytest.raises(Refused) as refusal:
        driver.apply(RemoveVolume("../../etc/shadow", pool), quiet)
    assert refusal.value.code == "id.invalid"


def test_an_unknown_driver_is_refused(settings: Settings) -> None:
    with pytest.raises(Refused) as refusal:
        VolumeDriver(settings, FilesHost()).apply(
            CreateVolume(ID, Pool(driver="tape"), 1, ""), quiet
        )
    assert refusal.value.code == "volume.driver.unknown"


@given(label=st.text(max_size=4000))
def test_any_label_survives_lvm_tags(label: str) -> None:
    owner = tags.Owner("t-volumes", ID, label)
    written = tags.write(owner)
    assert tags.read(list(reversed(written))) == owner
    assert all(
        re.fullmatch(r"[A-Za-z0-9_+./=!:&#][A-Za-z0-9_+./=!:&#-]{0,1023}", t) for t in written
    )


@pytest.mark.parametrize(
    "foreign", [[], ["backup"], ["qd.cloud=a", "qd.volume=b"], ["quarterdeck"]]
)
def test_tags_that_are_not_ours_name_no_owner(foreign: list[str]) -> None:
    assert tags.read(foreign) is None


def test_a_damaged_label_is_none_and_the_owner_still_known() -> None:
    damaged = ["quarterdeck", "qd.cloud=a", f"qd.volume={ID}", "qd.label.0=Y"]
    assert tags.read(damaged) == tags.Owner("a", ID, "")


class LvmHost(LocalHost):
    """Answers lvs with these rows and notes every other command."""

    def __init__(self, *rows: dict[str, str]) -> None:
        super().__init__("lvm")
        self.rows = rows
        self.commands: list[list[str]] = []

    def run(self, argv: Sequence[str], *, reads: bool = False, **_options: object) -> Output:
        if argv[0] == "lvs":
            assert reads
            return Output(0, json.dumps({"report": [{"lv": list(self.rows)}]}), "")
        self.commands.append(list(argv))
        return Output(0, "", "")


def row(cloud: str, label: str = "{}") -> dict[str, str]:
    own = tags.write(tags.Owner(cloud, ID, label))
    return {"lv_name": f"volume-{ID}", "lv_size": str(GIB), "lv_tags": ",".join(own)}


def test_a_logical_volume_is_made_with_its_tags_in_one_command(grouped: Settings) -> None:
    host = LvmHost()
    VolumeDriver(grouped, host, ["--config", "a"], ["-an"]).apply(
        CreateVolume(ID, GROUP, GIB, "{}"), quiet
    )
    (command,) = host.commands
    assert command[:3] == ["lvcreate", "--config", "a"]
    assert command[-2:] == ["-an", "pool"]
    assert ["--size", f"{GIB}b"] == command[command.index("--size") :][:2]
    assert f"qd.volume={ID}" in command


def test_a_logical_volume_is_relabelled_by_the_difference(grouped: Settings) -> None:
    host = LvmHost(row("t-volumes", "old"))
    driver = VolumeDriver(grouped, host)
    driver.apply(LabelVolume(ID, GROUP, "old"), quiet)
    assert host.commands == []
    driver.apply(LabelVolume(ID, GROUP, "new"), quiet)
    (command,) = host.commands
    assert (command.count("--deltag"), command.count("--addtag")) == (1, 1)


@pytest.mark.parametrize("other", [row("another"), {**row("t-volumes"), "lv_tags": "mine"}])
def test_a_strangers_logical_volume_is_left_alone(grouped: Settings, other: dict[str, str]) -> None:
    host = LvmHost(other)
    driver = VolumeDriver(grouped, host)
    for step in (
        CreateVolume(ID, GROUP, GIB, "{}"),
        LabelVolume(ID, GROUP, "{}"),
        RemoveVolume(ID, GROUP),
    ):
        with pytest.raises(Refused) as refusal:
            driver.apply(step, quiet)
        assert refusal.value.code == "volume.foreign"
    assert (host.commands, driver.facts()) == ([], {})
