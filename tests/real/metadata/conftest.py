"""Two projects with the same range; each has an instance with the very same address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.real.metadata.quarter import ADDRESS, Quarter, Resident


@pytest.fixture(scope="module")
def quarter(daemons: None) -> Iterator[Quarter]:
    made = Quarter()
    try:
        yield made
    finally:
        made.close()


@dataclass
class Sides:
    """An instance of either project, and a stranger on the first one's network."""

    left: Resident
    right: Resident
    stranger: Resident


@pytest.fixture(scope="module")
def sides(quarter: Quarter) -> Sides:
    left, right = quarter.project("left"), quarter.project("right")
    return Sides(
        quarter.resident(left, "left", ADDRESS),
        quarter.resident(right, "right", ADDRESS),
        quarter.resident(left, "stranger", known=False),
    )
