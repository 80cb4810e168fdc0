"""What Tempest's scenarios stand on: a cloud with an outside and a real guest's image."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.lab.image import LabImage
from tests.real.routing.town import Town


@pytest.fixture(scope="module")
def town(daemons: None, lab_image: LabImage) -> Iterator[Town]:
    town = Town()
    try:
        town.open()
        town.lab.furnish(lab_image)
        yield town
    finally:
        town.close()
