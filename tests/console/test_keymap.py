"""Key maps as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.errors import Refused
from console import keymap


def test_the_users_own_file_has_the_last_word(tmp_path: Path) -> None:
    system, own = tmp_path / "system.toml", tmp_path / "own.toml"
    system.write_text('[keys]\n"instance.stop" = "f2"\n"instance.start" = "f3"\n')
    own.write_text('[keys]\n"instance.stop" = "f4,f5"\n')
    found = keymap.read([system, own, tmp_path / "none.toml"])
    assert found == {"instance.stop": "f4,f5", "instance.start": "f3"}


@pytest.mark.parametrize("text", ["[keys", '[keys]\n"a" = 1', "keys = 3", "\xff"])
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Refused) as refusal:
        keymap.read([path])
    assert refusal.value.code == "keys.invalid"
    assert str(path) in refusal.value.message
