"""A group whose members may reach each other: flows, planning and writing, against a rule a pair.

The peer says the same without conjunctions: a rule for each member's address, as a switch without
them would have it, planned and written by the same code.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import process_time

from backends.drivers.facts import Facts
from backends.drivers.ovs.sets import write_sets
from backends.drivers.ovs.steps import WriteFlowSets
from backends.hosts import LocalHost
from backends.plan.firewall.plan import plan
from backends.records.snapshot import Records
from backends.records.tables import SecurityGroupRule
from backends.records.unit import Kind, Unit
from benchmarks.measure import Result, medians
from tests.machine_model import Model, converge
from tests.sample_records import SETTINGS, ident, records

SIZES = (50, 100, 200)
_GROUP, _HOST = ident("group"), Unit(Kind.FIREWALL, "deck")
_RUNS = 3


def main() -> list[Result]:
    """How the flows grow with the members; then plan and write at the largest size."""
    joined = {size: _plan(*_scene(size, pairs=False)) for size in SIZES}
    small, middle, large = SIZES
    ours, paired = _scene(large, pairs=False), _scene(large, pairs=True)
    peer = _plan(*paired)
    per_member = {size: _count(step) / size for size, step in joined.items()}
    what = f"a group of {large}"
    with _bridge() as name:
        here = {"ours": joined[large], "peer": peer}
        planned = medians(
            {"ours": lambda: _plan(*ours), "peer": lambda: _plan(*paired)},
            _RUNS, clock=process_time,
        )  # fmt: skip
        written = medians(
            {key: lambda step=step: _write(name, step) for key, step in here.items()}, _RUNS
        )
    return [
        Result(f"flows a member: group of {middle} / of {small}", per_member[middle],
               per_member[small], 1.05, "flows"),
        Result(f"flows a member: group of {large} / of {middle}", per_member[large],
               per_member[middle], 1.05, "flows"),
        Result(f"flows of {what} / with a rule a pair", _count(joined[large]), _count(peer), 0.2,
               "flows"),
        Result(f"planning {what} / with a rule a pair", planned["ours"], planned["peer"], 0.5),
        Result(f"writing {what} / with a rule a pair", written["ours"], written["peer"], 0.3),
    ]  # fmt: skip


def _scene(size: int, *, pairs: bool) -> tuple[Records, Facts]:
    """All plugged in, and no flow there yet."""
    found, model = records(size), Model()
    while converge(model, found, SETTINGS):
        pass
    found.rules[_GROUP] = [*found.rules[_GROUP], *_rules(found, pairs)]
    facts = model.facts()
    bare = {name: replace(each, sets={}, flow_count=0) for name, each in facts.ovs.bridges.items()}
    return found, replace(facts, ovs=replace(facts.ovs, bridges=bare))


def _rules(found: Records, pairs: bool) -> Iterable[SecurityGroupRule]:
    """What lets the members in: one rule, or one for each."""
    if not pairs:
        yield SecurityGroupRule(group_id=_GROUP, direction="ingress", remote_group_id=_GROUP)
        return
    for port_id, groups in found.groups_of.items():
        if _GROUP in groups:
            for each in found.addresses[port_id]:
                prefix = f"{each.address}/32"
                yield SecurityGroupRule(group_id=_GROUP, direction="ingress", remote_prefix=prefix)


def _plan(found: Records, facts: Facts) -> WriteFlowSets:
    steps = plan(_HOST, found, facts, SETTINGS).steps
    return next(step for step in steps if isinstance(step, WriteFlowSets))


def _count(step: WriteFlowSets) -> int:
    return sum(len(each.flows) for each in step.sets)


def _write(bridge: str, step: WriteFlowSets) -> None:
    """From nothing, as for a switch that was restarted."""
    _run("ovs-ofctl", "-O", "OpenFlow14", "del-flows", bridge)
    write_sets(LocalHost(), bridge, step.sets, None)


@contextmanager
def _bridge() -> Iterator[str]:
    """A bridge of the benchmarks' own; the ports that its flows name need not be there."""
    name = f"br-b{secrets.token_hex(3)}"
    _run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev",
         "fail_mode=secure")  # fmt: skip
    try:
        yield name
    finally:
        _run("ovs-vsctl", "del-br", name)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


if __name__ == "__main__":
    print(*main(), sep="\n")
