"""What the tests with real clouds stand on: daemons, the lab image, clouds that go again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.lab.image import LabImage, build
from backends.setup.daemons import ensure_running

# Before the import below: their assertions are to say what they compared.
pytest.register_assert_rewrite("tests.real.guest", "tests.real.lab", "tests.real.node.node")

from tests.real.lab import Lab  # noqa: E402
from tests.real.node.fixtures import new_node, node, node_image, underlay  # noqa: E402, F401

# The cache that the product itself uses: the image is built once for all.
LAB_CACHE = Path("/var/cache/quarterdeck/lab")


@pytest.fixture(scope="session")
def daemons() -> None:
    """libvirt and Open vSwitch are up."""
    ensure_running(lambda line: None)


@pytest.fixture(scope="session")
def lab_image() -> LabImage:
    return build(LAB_CACHE)


def _labs(image: LabImage) -> Iterator[Callable[[], Lab]]:
    made: list[Lab] = []

    def make() -> Lab:
        made.append(Lab())
        made[-1].start()
        made[-1].furnish(image)
        return made[-1]

    yield make
    failed = []
    for lab in made:
        # One that cannot be taken away must not keep the others.
        try:
            lab.close()
        except Exception as error:
            failed.append(error)
    if failed:
        raise ExceptionGroup("clouds that were not taken away", failed)


@pytest.fixture
def new_lab(daemons: None, lab_image: LabImage) -> Iterator[Callable[[], Lab]]:
    """Makes clouds with the lab image, of random names; each is taken away at the end."""
    yield from _labs(lab_image)


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    """A fresh cloud with the lab image."""
    return new_lab()


@pytest.fixture(scope="module")
def shared_lab(daemons: None, lab_image: LabImage) -> Iterator[Lab]:
    """One cloud for a module's tests that do not disturb one another."""
    makers = _labs(lab_image)
    yield next(makers)()
    next(makers, None)
