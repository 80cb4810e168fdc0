"""Two clouds of a machine share no conntrack zone, whatever they are called."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from backends.drivers.ovs.facts import ZONE_SLOT
from backends.init import init
from backends.plan.firewall.zones import SLOTS, usual_slot
from tests.real.lab import Lab


@pytest.fixture
def twins(daemons: None) -> Iterator[tuple[Lab, Lab]]:
    """Two clouds that would both have the same slot."""
    one, two = Lab(), Lab()
    while usual_slot(two.name) != usual_slot(one.name):
        two.access = replace(two.access, cloud=f"t-{secrets.token_hex(3)}")
    yield one, two
    for lab in (one, two):
        lab.close()


def test_the_second_of_two_clouds_takes_another_slot(twins: tuple[Lab, Lab]) -> None:
    """Even where both are made at the same time."""
    threads = [threading.Thread(target=init, args=(lab.access,)) for lab in twins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slots = []
    for lab in twins:
        lab.cloud = lab.open()
        bridge = lab.cloud.machine.ovs.facts().bridges[lab.cloud.settings.bridge]
        slots.append(lab.cloud.settings.zone_slot)
        assert bridge.labels[ZONE_SLOT] == str(slots[-1])
        assert slots[-1] in SLOTS
        lab.assert_in_order()
    assert slots[0] != slots[1]
