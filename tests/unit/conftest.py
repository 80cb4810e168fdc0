"""What unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.unit.shelf import Shelf

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A cloud of records and folders, without a daemon."""
    made = Shelf(tmp_path)
    yield made
    made.close()
