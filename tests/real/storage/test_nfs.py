"""Volumes on a real NFS server, in a lab node: this machine's kernel may have no NFS."""

from __future__ import annotations

import pytest

from tests.real.life.test_crash import commit
from tests.real.node.fixtures import NewNode
from tests.real.node.house import move_in, packages_drive
from tests.real.node.house import pytest as run_tests
from tests.real.node.node import Node
from tests.real.storage.exported import CHANCE

_TESTS = "tests/real/storage/exported.py"
# Each is one long test.
_ALL = {
    "refusals": "lacks or cannot_be_used or destroyed",
    "verbs": "life or killed or gone_is or is_deleted",
    "stopped": "away_costs and stop",
    "cut off": "away_costs and cut",
}


@pytest.fixture(scope="module")
def node(new_node: NewNode) -> Node:
    """A node that this code lives in."""
    made = new_node(memory=1024, disks=(), drives=(packages_drive(),))
    move_in(made)
    made.write(str(CHANCE), commit())
    return made


@pytest.mark.long
@pytest.mark.parametrize("which", _ALL.values(), ids=_ALL)
def test_volumes_on_an_export(node: Node, which: str) -> None:
    status, report = run_tests(node, "--durations=10", "-k", which, _TESTS, timeout=800)
    print(report)
    assert status == 0, f"on {node.name}:\n{report}"
