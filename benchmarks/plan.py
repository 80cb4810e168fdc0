"""A full plan of a cloud in order, against reading its records; and how it grows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from itertools import chain, pairwise
from pathlib import Path
from time import process_time

from sqlmodel import SQLModel

from backends.drivers.facts import Facts
from backends.plan.converge import plan
from backends.records import snapshot
from backends.records.snapshot import Records
from backends.records.store import Store
from backends.records.tables import LocalVlan, PortSecurityGroup
from benchmarks.measure import Result, medians
from tests.machine_model import Model, converge
from tests.sample_records import SETTINGS, records

SIZES = (100, 1_000, 10_000)
# A tenth of the instances has a volume, and 250 share a network.
_VOLUMES = 10


def main() -> list[Result]:
    """Plan against read at each size; then the cost of an instance, the larger by the smaller."""
    results, cost = [], {}
    with tempfile.TemporaryDirectory(prefix="qdbench") as folder:
        for size in SIZES:
            times = _measure(Path(folder) / f"{size}.db", size)
            name = f"plan of {size:,} instances in order / reading their records"
            results.append(Result(name, times["plan"], times["read"], 1.0))
            cost[size] = times["plan"] / size * 1000
    for small, large in pairwise(SIZES):
        name = f"plan per instance: at {large:,} / at {small:,}"
        results.append(Result(name, cost[large], cost[small], 1.5, "us"))
    return results


def _measure(path: Path, size: int) -> dict[str, float]:
    facts = _in_order(size)
    store = Store(str(path))
    store.prepare()
    with store.write() as session:
        for rows in _rows(records(size, volumes=size // _VOLUMES, made=True)):
            session.add_all(rows)
            session.flush()

    def read() -> Records:
        with store.read() as session:
            return snapshot.read(session, SETTINGS.host)

    kept = read()

    def plan_all() -> None:
        if plan(kept, facts, SETTINGS):
            raise RuntimeError("the cloud is not in order")

    times = medians({"read": read, "plan": plan_all}, 9 if size < 10_000 else 3, clock=process_time)
    store.close()
    return times


def _in_order(size: int) -> Facts:
    """The facts of a machine on which everything was made."""
    wanted, model = records(size, volumes=size // _VOLUMES), Model()
    while converge(model, wanted, SETTINGS):
        pass
    return model.facts()


def _rows(found: Records) -> Iterable[Iterable[SQLModel]]:
    """All rows, those first that others refer to."""
    yield [found.cloud, *found.domains.values()]
    yield found.projects.values()
    yield [*found.flavors, *found.images.values(), *found.networks.values()]
    yield chain.from_iterable(found.groups.values())
    yield chain.from_iterable(found.rules.values())
    yield [LocalVlan(host=found.host, vlan=v, network_id=n) for n, v in found.vlans.items()]
    yield chain.from_iterable(found.subnets.values())
    yield chain(found.instances.values(), found.volumes.values(), found.ports.values())
    yield chain.from_iterable(found.addresses.values())
    yield chain.from_iterable(found.attachments.values())
    yield [
        PortSecurityGroup(port_id=p, group_id=g) for p, gs in found.groups_of.items() for g in gs
    ]


if __name__ == "__main__":
    print(*main(), sep="\n")
