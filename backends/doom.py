"""Mark a record as to be gone, with what goes with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlmodel import Session, col, select

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
from backends.records.unit import Kind, Unit

_TABLES: dict[Kind, Any] = {
    Kind.PROJECT: Project,
    Kind.IMAGE: Image,
    Kind.NETWORK: Network,
    Kind.ROUTER: Router,
    Kind.POOL: StoragePool,
    Kind.VOLUME: Volume,
    Kind.SNAPSHOT: VolumeSnapshot,
    Kind.BACKUP: VolumeBackup,
    Kind.INSTANCE: Instance,
}


def doom(session: Session, unit: Unit) -> list[Unit]:
    """Want the unit gone; returns the units to converge, it among them.

    An instance takes the ports along that were made for it, a router all its interfaces. Part of
    the caller's transaction.
    """
    row = session.get(_TABLES[unit.kind], unit.id)
    if row is None:
        return []
    row.absent = True
    session.add(row)
    units = [unit]
    if unit.kind is Kind.INSTANCE:
        own = select(Port).where(Port.device_id == unit.id, col(Port.made_for_device))
        units += doom_ports(session, session.exec(own).all())
    elif unit.kind is Kind.ROUTER:
        interfaces = select(Port).where(Port.device_id == unit.id)
        units += doom_ports(session, session.exec(interfaces).all())
    return list(dict.fromkeys(units))


def doomed(session: Session) -> list[Unit]:
    """Units whose record still waits to be taken away, as an undo that could not be finished."""
    units: list[Unit] = []
    for kind, table in _TABLES.items():
        gone = select(table.id).where(col(table.absent))
        units.extend(Unit(kind, id_) for id_ in session.exec(gone))
    for part in (Port, FloatingIp):
        networks = select(part.network_id).where(col(part.absent)).distinct()
        units.extend(Unit(Kind.NETWORK, id_) for id_ in session.exec(networks))
    return list(dict.fromkeys(units))


def doom_ports(session: Session, ports: Collection[Port]) -> list[Unit]:
    """Want these ports gone; floating IPs that were lent to them are free again."""
    units = []
    for port in ports:
        port.absent = True
        session.add(port)
        units.append(Unit(Kind.NETWORK, port.network_id))
    ids = [port.id for port in ports]
    for row in session.exec(select(FloatingIp).where(col(FloatingIp.port_id).in_(ids))):
        units += take_back(row)
    return units


def take_back(row: FloatingIp) -> list[Unit]:
    """A floating IP is lent to nobody; returns the units that this concerns."""
    units = [Unit(Kind.NETWORK, row.network_id)]
    if row.router_id:
        units.append(Unit(Kind.ROUTER, row.router_id))
    row.port_id = row.fixed_address = row.router_id = None
    return units


def is_doomed(session: Session, unit: Unit) -> bool:
    """Whether the unit is gone, or wanted gone."""
    row = session.get(_TABLES[unit.kind], unit.id)
    return row is None or bool(row.absent)


def is_gone(session: Session, unit: Unit) -> bool:
    """Whether there is no record of the unit any more."""
    return session.get(_TABLES[unit.kind], unit.id) is None
