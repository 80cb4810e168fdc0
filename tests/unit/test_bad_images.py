"""Every image of the corpus is refused by one line with its code, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.drivers.qemu_img.driver import QemuImgDriver
from backends.drivers.qemu_img.steps import ImportImage
from backends.errors import Refused
from backends.hosts import LocalHost
from backends.settings import Settings
from tests.bad_images import CORPUS, Bad

IMAGE = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"


def test_there_are_enough_of_them() -> None:
    assert len({bad.name for bad in CORPUS}) == len(CORPUS) >= 40


@pytest.mark.parametrize("bad", CORPUS, ids=lambda bad: bad.name)
def test_it_is_refused_and_nothing_is_left(tmp_path: Path, bad: Bad) -> None:
    source = tmp_path / "image"
    bad.write(source)
    settings = Settings("t-bad", tmp_path / "state", tmp_path / "run", "here")
    driver = QemuImgDriver(settings, LocalHost())
    with pytest.raises(Refused) as refusal:
        driver.apply(ImportImage(IMAGE, str(source), bad.claimed), lambda _share: None)
    assert refusal.value.code == bad.code, str(refusal.value)
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 200
    assert not list(settings.images.glob("**/*"))
    assert not list(settings.images.glob("**/.*"))
    assert [each.name for each in tmp_path.iterdir() if each.name != "state"] == ["image"]
