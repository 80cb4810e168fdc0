"""Policies and trunks travel on labels: a lost store has them again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.rescue import rescue
from backends.services.qos import NewQosRule
from backends.services.trunk import NewSubport
from tests.real.lab import Lab
from tests.real.life.test_rescue import lose_store, remembered


@pytest.fixture
def bare(daemons: None) -> Iterator[Lab]:
    """A cloud without an image: no guest is needed."""
    lab = Lab()
    lab.start()
    yield lab
    lab.close()


def test_policies_and_trunks_are_back(bare: Lab) -> None:
    cloud, alpha = bare.cloud, bare.member("alpha")
    cloud.qos.create("slow", shared=True, default=True)
    cloud.qos.add_rule(NewQosRule("slow", "bandwidth_limit", max_kbps=5000))
    cloud.qos.add_rule(NewQosRule("slow", "dscp_marking", dscp_mark=46))
    bare.network(alpha, "front")
    # Of another project's policy, which its label names by id.
    alpha.networks.create("back", qos_policy="slow")
    alpha.ports.create("front", "stem", qos_policy="slow")
    alpha.ports.create("back", "leaf")
    alpha.trunks.create("stack", "stem", subports=[NewSubport("leaf", 100)])
    before = bare.shape()
    lose_store(bare)
    report = rescue(bare.access)
    bare.cloud = bare.open()
    assert report.lost == []
    assert remembered(bare.shape()) == remembered(before)
    bare.assert_in_order()
    view = bare.cloud.trunks.show("stack")
    assert [(each.segmentation_id, port.name) for each, port in view.subports] == [(100, "leaf")]
    assert len(bare.cloud.qos.show("slow").rules) == 2
