"""What labels say: enough to make the records again when the store is lost.

JSON objects of record fields. Secrets (user data, passwords) are never in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson
from sqlmodel import SQLModel

from backends.records.snapshot import Records
from backends.records.tables import (
    FloatingIp,
    Image,
    Instance,
    Network,
    Port,
    Project,
    Router,
    StoragePool,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
)

# What others may not see, what only says how far the work is, and what the machine itself tells.
_LEFT_OUT = frozenset(
    {
        "user_data",
        "source",
        "source_uid",
        "convert_to",
        "damaged",
        "leaving_id",
        "verified_at",
        "absent",
        "leaving",
        "made",
        "imported",
        "power",
        "boots",
        "soft_reboots",
        "launches",
        "target_pool",
        "revert_to",
        "restore_from",
    }
)


def fields(row: SQLModel) -> dict[str, Any]:
    """The columns of a row that a label carries."""
    values = row.__dict__
    return {name: values[name] for name in _names(type(row))}


@cache
def _names(table: type[SQLModel]) -> tuple[str, ...]:
    return tuple(sorted(name for name in table.model_fields if name not in _LEFT_OUT))


def dump(value: dict[str, Any]) -> str:
    """Canonical JSON: the same value is the same text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        # It has no integers beyond 64 bits.
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def cloud(records: Records) -> str:
    """The cloud's name, domains and flavors, which nothing else on the machine carries."""
    return dump(
        {
            "cloud": fields(records.cloud),
            "hosts": [fields(row) for name, row in records.hosts.items() if name == records.host],
            "domains": [fields(records.domains[id_]) for id_ in sorted(records.domains)],
            "flavors": _by(records.flavors, "id"),
            "qos": _by(records.qos.values(), "id"),
            "types": _by(records.types.values(), "id"),
        }
    )


def project(records: Records, row: Project) -> str:
    """A project with its security groups, address groups, QoS policies and subnet pools."""
    groups = records.groups.get(row.id, ())
    rules = [rule for group in groups for rule in records.rules.get(group.id, ())]
    return dump(
        {
            "project": fields(row),
            "groups": _by(groups, "id"),
            "rules": _by(rules, "id"),
            "address_groups": _by(records.address_groups.get(row.id, ()), "id"),
            "qos_policies": _by(records.qos_policies.get(row.id, ()), "id"),
            "qos_rules": _by(
                (
                    rule
                    for policy in records.qos_policies.get(row.id, ())
                    for rule in records.qos_rules.get(policy.id, ())
                ),
                "id",
            ),
            "subnet_pools": _by(records.subnet_pools.get(row.id, ()), "id"),
        }
    )


def image(row: Image) -> str:
    """An image."""
    return dump({"image": fields(row)})


def network(records: Records, row: Network) -> str:
    """A network with its subnets and its VLAN on this host."""
    return dump(
        {
            "network": fields(row),
            "subnets": _by(records.subnets.get(row.id, ()), "id"),
            "vlan": records.vlans.get(row.id, 0),
        }
    )


def port(records: Records, row: Port) -> str:
    """A port with its addresses and groups, and its subports if it is a trunk's parent."""
    id_ = row.id
    label: dict[str, Any] = {
        "port": fields(row),
        "addresses": sorted(
            [(each.subnet_id, each.address) for each in records.addresses.get(id_, ())]
        ),
        "groups": sorted(records.groups_of.get(id_, ())),
    }
    trunk = records.trunks.get(id_)
    if trunk is not None:
        label["trunk"] = fields(trunk)
        label["subports"] = _by(records.subports.get(trunk.id, ()), "port_id")
    return dump(label)


def router(row: Router) -> str:
    """A router; its interfaces are ports."""
    return dump({"router": fields(row)})


def floating_ip(row: FloatingIp) -> str:
    """A floating IP, and whom it is lent to."""
    return dump({"floating_ip": fields(row)})


def pool(row: StoragePool) -> str:
    """A pool of volumes. The key that opens its host is in a file of its own."""
    return dump({"pool": fields(row)})


def volume(row: Volume, **other: str) -> str:
    """A volume; `other` are fields that it is about to have."""
    return dump({"volume": fields(row) | other})


def snapshot(row: VolumeSnapshot) -> str:
    """A snapshot of a volume."""
    return dump({"snapshot": fields(row)})


def backup(row: VolumeBackup) -> str:
    """A backup of a volume."""
    return dump({"backup": fields(row)})


def instance(records: Records, row: Instance) -> str:
    """An instance with what is attached to it."""
    attachments = [each for each in records.attachments.get(row.id, ()) if not each.absent]
    return dump(
        {
            "instance": fields(row),
            "attachments": _by(attachments, "volume_id"),
        }
    )


def _by(rows: Iterable[SQLModel], key: str) -> list[dict[str, Any]]:
    """The rows' fields in the order of a column, so that the text does not depend on a query's."""
    return sorted((fields(row) for row in rows), key=lambda values: str(values[key]))
