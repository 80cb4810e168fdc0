"""Fixtures of lab nodes; `tests/real/conftest.py` gives them to all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.real.node.image import NodeImage, build
from tests.real.node.node import Node
from tests.real.node.underlay import Underlay

NewNode = Callable[..., Node]


@pytest.fixture(scope="session")
def node_image() -> NodeImage:
    return build()


@pytest.fixture(scope="module")
def underlay() -> Iterator[Underlay]:
    made = Underlay()
    yield made
    made.close()


@pytest.fixture(scope="module")
def new_node(node_image: NodeImage, underlay: Underlay) -> Iterator[NewNode]:
    """Makes nodes that are up, with Node's own options; they go with the module."""
    with ExitStack() as nodes:
        yield lambda **options: nodes.enter_context(Node(node_image, underlay, **options))


@pytest.fixture(scope="module")
def node(new_node: NewNode) -> Node:
    """One node for a module."""
    return new_node()
