"""Make this machine a host of a cloud whose store it shares."""

from __future__ import annotations

from sqlmodel import Session, select

from backends.access import Access
from backends.drivers.ovs.facts import CLOUD
from backends.drivers.ovs.ovsdb import Ovsdb
from backends.drivers.ovs.tables import read_all
from backends.errors import Refused
from backends.place import settings_of
from backends.records.host import CloudRecord, HostRecord
from backends.records.network import LocalVlan, Network
from backends.services.network import free_vlan
from backends.zone_slot import taken


def join(session: Session, access: Access, cloud: CloudRecord) -> None:
    """Add its rows: the host, and a VLAN here for each network there is.

    The bridge and the conntrack zones have the same names on all hosts of a cloud. Raises Refused
    `cloud.bridge.taken`, `cloud.zones.taken` where others on this machine have them.
    """
    found = read_all(Ovsdb(access.ovs_run)).bridges.get(cloud.bridge)
    if found is not None and found.labels.get(CLOUD) != cloud.name:
        text = f"bridge {cloud.bridge} is not of cloud {cloud.name}; rename or remove it first"
        raise Refused("cloud.bridge.taken", text)
    settings = settings_of(access, cloud)
    if settings.zone_slot in taken(access):
        text = f"another cloud here has the conntrack zones of {cloud.name}; destroy that one first"
        raise Refused("cloud.zones.taken", text)
    session.add(HostRecord(name=settings.host))
    session.flush()
    for network_id in session.exec(select(Network.id)).all():
        vlan = free_vlan(session, settings, settings.host)
        session.add(LocalVlan(host=settings.host, vlan=vlan, network_id=network_id))
        session.flush()
