"""What the tests of the console stand on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import recorded

from backends.cloud import Cloud
from console import opening
from console.app import Quarterdeck


@pytest.fixture
def deck(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Quarterdeck]:
    """The console of a cloud that is open already."""

    def make(
        found: recorded.Recorded, cloud: Cloud, keys: dict[str, str] | None = None
    ) -> Quarterdeck:
        opened = opening.Opened(cloud, "admin", None)
        monkeypatch.setattr(opening, "open_cloud", lambda access: opened)
        return Quarterdeck(found.access, keys)

    return make
