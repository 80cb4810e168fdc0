"""Shelved instances: nothing of them is on the machine but a label, and the image they became."""

from __future__ import annotations

from collections.abc import Iterable

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.step import Step
from backends.plan import labels
from backends.records.snapshot import Records
from backends.records.tables import Instance


def label(instance: Instance, records: Records, facts: Facts) -> Iterable[Step]:
    """Write what its domain would carry: from then on it can be made again without one."""
    wanted = labels.instance(records, instance)
    if facts.labels.get(_key(instance)) != wanted:
        yield WriteLabel(*_key(instance), wanted)


def unlabel(instance: Instance, facts: Facts) -> Iterable[Step]:
    """The label goes once its domain carries it, or with the instance."""
    if _key(instance) in facts.labels and (instance.absent or instance.id in facts.domains):
        yield RemoveLabel(*_key(instance))


def _key(instance: Instance) -> tuple[str, str]:
    return "instance", instance.id
