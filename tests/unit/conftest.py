"""What unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A cloud of records and folders, without a daemon."""
    made = Shelf(tmp_path)
    yield made
    made.close()
