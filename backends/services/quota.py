"""Quotas: counted inside the transaction that creates, never stored."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from backends.errors import Refused
from backends.records.network import OWNER_DHCP, OWNER_FLOATING, OWNER_GATEWAY
from backends.records.tables import (
    AddressGroup,
    FloatingIp,
    Image,
    Instance,
    Network,
    Port,
    Quota,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubnetPool,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
)

# OpenStack's own defaults (Nova, Neutron, Cinder configuration references). RAM in MiB.
DEFAULTS: dict[str, int] = {
    "instances": 10,
    "cores": 20,
    "ram": 51200,
    # Glance's image_count_total.
    "images": 100,
    "volumes": 10,
    "gigabytes": 1000,
    "snapshots": 10,
    "backups": 10,
    "backup-gigabytes": 1000,
    "networks": 100,
    "subnets": 100,
    "ports": 500,
    "routers": 10,
    "floatingips": 50,
    "security-groups": 10,
    "security-group-rules": 100,
    "subnetpools": -1,
    "address-groups": -1,
}
UNLIMITED = -1
# What a project did not ask for as a port (Neutron gives these to no project).
OWNERS_UNCOUNTED = (OWNER_DHCP, OWNER_GATEWAY, OWNER_FLOATING)


def limits(session: Session, project_id: str) -> dict[str, int]:
    """The project's limits: its own where set, else the defaults."""
    rows = session.exec(select(Quota).where(Quota.project_id == project_id))
    return DEFAULTS | {row.resource: row.limit for row in rows}


def usage(session: Session, project_id: str) -> dict[str, int]:
    """What the project uses now, by resource."""
    return {resource: _count(session, project_id, resource) for resource in DEFAULTS}


def check(session: Session, project_id: str, wanted: dict[str, int]) -> None:
    """Whether the project may have so much more. Within a write transaction, thus exact.

    Raises Refused `quota.exceeded`.
    """
    allowed = limits(session, project_id)
    for resource, more in wanted.items():
        limit = allowed[resource]
        if limit == UNLIMITED:
            continue
        used = _count(session, project_id, resource)
        if used + more > limit:
            raise Refused(
                "quota.exceeded",
                f"{resource}: {used} of {limit} are used and {more} more do not fit;"
                f" see `quarterdeck quota show`",
            )


def _count(session: Session, project_id: str, resource: str) -> int:
    amount, table, filters = _amounts()[resource]
    query = select(amount).select_from(table).where(table.project_id == project_id, *filters)
    if table is SecurityGroup and resource == "security-group-rules":
        query = (
            select(amount)
            .select_from(SecurityGroupRule)
            .join(SecurityGroup, col(SecurityGroup.id) == col(SecurityGroupRule.group_id))
            .where(SecurityGroup.project_id == project_id)
        )
    found = int(session.exec(query).one() or 0)
    if resource == "gigabytes":
        # Snapshots take room as volumes do (Cinder's no_snapshot_gb_quota is off).
        held = select(func.sum(VolumeSnapshot.size)).where(
            VolumeSnapshot.project_id == project_id, col(VolumeSnapshot.absent).is_(False)
        )
        found += int(session.exec(held).one() or 0)
    return found


def _amounts() -> dict[str, tuple[Any, Any, tuple[Any, ...]]]:
    count = func.count()
    there = (col(Instance.absent).is_(False),)
    volume = (col(Volume.absent).is_(False),)
    snapshot = (col(VolumeSnapshot.absent).is_(False),)
    backup = (col(VolumeBackup.absent).is_(False),)
    return {
        "instances": (count, Instance, there),
        "cores": (func.sum(Instance.vcpus), Instance, there),
        "ram": (func.sum(Instance.ram), Instance, there),
        "images": (count, Image, (col(Image.absent).is_(False),)),
        "volumes": (count, Volume, volume),
        "gigabytes": (func.sum(Volume.size), Volume, volume),
        "snapshots": (count, VolumeSnapshot, snapshot),
        "backups": (count, VolumeBackup, backup),
        "backup-gigabytes": (func.sum(VolumeBackup.size), VolumeBackup, backup),
        "networks": (count, Network, (col(Network.absent).is_(False),)),
        "subnets": (count, Subnet, ()),
        "ports": (
            count,
            Port,
            (col(Port.absent).is_(False), col(Port.device_owner).not_in(OWNERS_UNCOUNTED)),
        ),
        "routers": (count, Router, (col(Router.absent).is_(False),)),
        "floatingips": (count, FloatingIp, (col(FloatingIp.absent).is_(False),)),
        "security-groups": (count, SecurityGroup, ()),
        "security-group-rules": (count, SecurityGroup, ()),
        "subnetpools": (count, SubnetPool, ()),
        "address-groups": (count, AddressGroup, ()),
    }
