"""Make a cloud: its store, the first domain, project and user, the usual flavors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sqlmodel import Session, select

from backends.access import Access
from backends.cloud import Cloud
from backends.context import Change
from backends.drivers.ovs.facts import CLOUD
from backends.drivers.ovs.ovsdb import Ovsdb
from backends.drivers.ovs.tables import read_all
from backends.errors import Refused
from backends.join import join
from backends.place import bridge_name, host_name, store_url
from backends.records.flavor import Flavor
from backends.records.host import CloudRecord, HostRecord
from backends.records.identity import DEFAULT_DOMAIN, Domain, Project, Role, RoleAssignment, User
from backends.records.store import Store
from backends.records.unit import Kind, Unit
from backends.services.project import add_project
from backends.settings import OVS_RUN, check_cloud_name
from backends.zone_slot import claimed

# Name, vCPUs, RAM in MiB, disk in GiB: the sizes OpenStack shipped for years.
FLAVORS: Sequence[tuple[str, int, int, int]] = (
    ("m1.tiny", 1, 512, 1),
    ("m1.small", 1, 2048, 20),
    ("m1.medium", 2, 4096, 40),
    ("m1.large", 4, 8192, 80),
)


def init(access: Access, *, volume_group: str = "") -> bool:
    """Make the cloud unless it is there; whether it was made.

    With a store that others share and that has the cloud, this machine becomes a host of it.
    Raises Refused `readonly`, `caller.not_root`, `cloud.name.invalid`, `cloud.zones.exhausted`,
    `cloud.init.busy`, `store.*`.
    """
    access.check_writes("make a cloud")
    if os.geteuid() != 0:
        raise Refused("caller.not_root", "a cloud is made by root; run it with sudo")
    check_cloud_name(access.cloud)
    bridge = free_bridge(access.cloud, access.ovs_run)
    with claimed(access) as slot:
        return _make(access, volume_group, bridge, slot)


def _make(access: Access, volume_group: str, bridge: str, slot: int) -> bool:
    store = Store(store_url(access))
    try:
        store.prepare()
        with store.write() as session:
            if (known := session.exec(select(CloudRecord)).first()) is not None:
                if not access.store or session.get(HostRecord, host_name(access)) is not None:
                    return False
                join(session, access, known)
                units = []
            else:
                record = add_cloud(session, access.cloud, volume_group, bridge, host_name(access))
                record.zone_slot = slot
                units = [Unit(Kind.PROJECT, _furnish(session).id)]
    finally:
        store.close()
    cloud = Cloud.open(access)
    try:
        cloud.context.converge("cloud.init", [Unit(Kind.HOST, cloud.settings.host), *units])
    finally:
        cloud.close()
    return True


def _furnish(session: Session) -> Project:
    """What everybody begins with; returns the admin's project."""
    project = add_project(Change(session), Project(name="admin", description="The cloud's own"))
    _add_admin(session, project)
    for name, vcpus, ram, disk in FLAVORS:
        session.add(Flavor(name=name, vcpus=vcpus, ram=ram, disk=disk))
    return project


def free_bridge(cloud: str, ovs_run: Path = OVS_RUN) -> str:
    """The usual name of the cloud's bridge; another where a stranger's bridge has that one.

    Raises MachineFailed `ovs.unreachable`, before anything is made.
    """
    usual = bridge_name(cloud)
    found = read_all(Ovsdb(ovs_run)).bridges.get(usual)
    is_strangers = found is not None and found.labels.get(CLOUD) != cloud
    return bridge_name(cloud, plain=False) if is_strangers else usual


def add_cloud(
    session: Session, name: str, volume_group: str, bridge: str = "", host: str = ""
) -> CloudRecord:
    """The rows that every cloud has before anybody uses it."""
    record = CloudRecord(name=name, bridge=bridge or bridge_name(name), volume_group=volume_group)
    session.add(record)
    session.add(HostRecord(name=host or os.uname().nodename))
    session.add(Domain(id=DEFAULT_DOMAIN, name="Default"))
    session.flush()
    return record


def _add_admin(session: Session, project: Project) -> None:
    """The user that local root acts as. It has no password until one is set."""
    user = User(name="admin", default_project_id=project.id)
    session.add(user)
    session.flush()
    session.add(RoleAssignment(role=Role.ADMIN, user_id=user.id))
    session.add(RoleAssignment(role=Role.ADMIN, user_id=user.id, project_id=project.id))
