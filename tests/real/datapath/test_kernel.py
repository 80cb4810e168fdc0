"""What namespaces show of the firewall and of routing, over the kernel's datapath in a lab node.

The tests are the very ones that run here over the userspace datapath; the cloud takes the kernel's
where its module is loaded (`backends.traits`).
"""

from __future__ import annotations

import pytest

from tests.real.node.fixtures import NewNode
from tests.real.node.house import move_in, packages_drive
from tests.real.node.house import pytest as run_tests
from tests.real.node.node import Node

_RULES = "tests/real/firewall/test_rules.py::test_"
_NAT = "tests/real/routing/test_nat.py::test_"
# The most telling ones.
_SAMPLE = (
    f"{_RULES}the_default_group_lets_in_its_own_and_nobody_else[4]",
    f"{_RULES}the_default_group_lets_in_its_own_and_nobody_else[6]",
    f"{_RULES}a_member_of_a_remote_group_joins_and_leaves[4]",
    f"{_RULES}a_withdrawn_rule_ends_its_connection_and_no_other[4]",
    "tests/real/firewall/test_forging.py::test_lies_do_not",
    f"{_NAT}two_guests_share_the_gateways_address",
    f"{_NAT}a_floating_address_leads_in_and_out",
    f"{_NAT}a_floating_address_that_moves_takes_its_connections_away",
    f"{_NAT}a_guest_reaches_its_neighbour_by_the_floating_address",
    "tests/real/routing/test_isolation.py::test_no_packet_crosses",
)
# Each is one long test.
_ALL = {
    "rules": ("firewall/test_rules.py", "firewall/test_order.py"),
    "forging": ("firewall/test_forging.py", "routing/test_isolation.py"),
    "ports": ("firewall/test_qos.py", "firewall/test_trunk.py"),
    "routers": ("routing/test_nat.py", "routing/test_provider.py", "routing/test_host.py"),
    "routes": ("routing/test_routes.py", "routing/test_repair.py"),
    "reading": ("inspection/test_connections.py", "inspection/test_flows.py"),
    "leases": ("network_drivers/test_dhcp.py", "network_drivers/test_interfaces.py"),
}


@pytest.fixture(scope="module")
def node(new_node: NewNode) -> Node:
    """A node that this code lives in."""
    made = new_node(memory=768, disks=(), drives=(packages_drive(),))
    move_in(made)
    return made


def _pass(node: Node, *tests: str, timeout: float) -> None:
    status, report = run_tests(node, "--durations=5", *tests, timeout=timeout)
    print(report)
    assert status == 0, f"on {node.name}, over the kernel's datapath:\n{report}"
    log = node.run(
        "grep", "Datapath supports recirculation", "/var/log/openvswitch/ovs-vswitchd.log"
    )
    assert "system@ovs-system" in log
    assert "netdev@" not in log, "some cloud took the userspace datapath"


def test_the_most_telling(node: Node) -> None:
    _pass(node, *_SAMPLE, timeout=900)


@pytest.mark.long
@pytest.mark.vast
@pytest.mark.parametrize("files", _ALL.values(), ids=_ALL)
def test_all(node: Node, files: tuple[str, ...]) -> None:
    _pass(node, *(f"tests/real/{each}" for each in files), timeout=1500)
