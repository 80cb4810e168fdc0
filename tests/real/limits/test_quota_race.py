"""Fifty launches at once, each in a process of its own, against a quota of three."""

from __future__ import annotations

import os
import sys
import traceback
from collections import Counter
from pathlib import Path

from backends.access import Access
from backends.cloud import Cloud
from backends.errors import QuarterdeckError
from backends.services.instance import NewInstance
from tests.real.lab import FLAVOR, IMAGE, Lab

LAUNCHES, QUOTA = 50, 3


def test_exactly_the_quotas_number_succeed(lab: Lab, tmp_path: Path) -> None:
    member = lab.member("ships")
    lab.network(member, "net")
    lab.cloud.quotas.set("ships", {"instances": QUOTA})
    # Connections and locks are not to be shared with a process that is forked.
    lab.let_go()
    gate, start = os.pipe()
    children = [_fork(lab.name, number, tmp_path, gate, start) for number in range(LAUNCHES)]
    os.close(gate)
    os.close(start)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    lab.cloud = lab.open()
    outcomes = Counter(path.read_text() for path in tmp_path.iterdir())
    assert outcomes == {"made": QUOTA, "quota.exceeded": LAUNCHES - QUOTA}
    assert statuses == [0] * LAUNCHES
    rows = lab.cloud.instances.list(all_projects=True)
    assert [row.status for row in rows] == ["ACTIVE"] * QUOTA
    assert len({address for row in rows for address in row.addresses}) == QUOTA
    assert lab.cloud.quotas.show("ships")["instances"] == (QUOTA, QUOTA)
    assert [row.verb for row in lab.cloud.operations.list()].count("instance.create") == QUOTA
    lab.assert_in_order()


def _fork(cloud: str, number: int, folder: Path, gate: int, start: int) -> int:
    child = os.fork()
    if child:
        return child
    # The gate opens for all at once when the last of the others has closed its end.
    try:
        os.close(start)
        opened = Cloud.open(Access(cloud=cloud, user="ships-user", project="ships"))
        os.read(gate, 1)
        try:
            opened.instances.create(NewInstance(f"ship-{number}", FLAVOR, IMAGE))
            outcome = "made"
        except QuarterdeckError as error:
            outcome = error.code
        (folder / str(number)).write_text(outcome)
        os._exit(0)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)
