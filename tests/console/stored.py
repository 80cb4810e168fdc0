"""Volumes on a cloud that is only recorded, whose machine is as it should be."""

from __future__ import annotations

import time

import pytest
import recorded

from backends.cloud import Cloud
from backends.drivers.volumes.facts import PoolFact
from backends.plan.plan import Plan
from backends.records.pool import QosSpec, StoragePool, VolumeType
from backends.records.tables import Attachment
from backends.records.volume import Volume
from backends.services import storage
from backends.services.pool import PoolRow, Pools


def volume_id(number: int) -> str:
    """The id of the so manieth volume."""
    return f"4000000{number}-0000-4000-8000-000000000000"


def fill(made: recorded.Recorded) -> None:
    """Volumes `돛`, `닻` (attached to the first two instances) and `keel`, a type and limits."""
    at = time.time() - recorded.AGE
    with made.write().write() as session:
        session.add(QosSpec(name="gentle", specs={"total_iops_sec": "500"}))
        session.add(VolumeType(name="plain", created_at=at))
        for number, name in enumerate(("돛", "닻", "keel")):
            session.add(
                Volume(
                    id=volume_id(number), project_id=made.project_id, name=name, size=2,
                    driver="file", host=recorded.HOST, made=True, multiattach=name == "닻",
                    created_at=at,
                )
            )  # fmt: skip
        session.flush()
        for number in range(2):
            session.add(
                Attachment(
                    volume_id=volume_id(1), instance_id=recorded.instance_id(number),
                    device="vdb", created_at=number,
                )
            )  # fmt: skip


class _Still:
    def plan(self, *_: object) -> Plan:
        return Plan()

    plan_records = plan

    def converge(self, *_: object, **__: object) -> None:
        """Nothing is to be done."""


def still(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine be as it should be: verbs write records and nothing else."""
    vars(cloud.context)["converger"] = _Still()
    near = StoragePool(name="default", driver="file", place="/srv/volumes")
    fact = PoolFact("default", 100 << 30, 75 << 30)
    monkeypatch.setattr(Pools, "list", lambda self: [PoolRow(near, fact, 6, 3)])
    monkeypatch.setattr(storage, "check_room", lambda *_: None)
