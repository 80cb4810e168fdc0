"""Mark a record as to be gone, with what goes with it."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from backends.records.tables import Image, Instance, Network, Port, Project, Volume
from backends.records.unit import Kind, Unit

_TABLES: dict[Kind, Any] = {
    Kind.PROJECT: Project,
    Kind.IMAGE: Image,
    Kind.NETWORK: Network,
    Kind.VOLUME: Volume,
    Kind.INSTANCE: Instance,
}


def doom(session: Session, unit: Unit) -> list[Unit]:
    """Want the unit gone; returns the units to converge, it among them.

    An instance takes the ports along that were made for it. Part of the caller's transaction.
    """
    row = session.get(_TABLES[unit.kind], unit.id)
    if row is None:
        return []
    row.absent = True
    session.add(row)
    units = [unit]
    if unit.kind is Kind.INSTANCE:
        own = select(Port).where(Port.device_id == unit.id, col(Port.made_for_device))
        for port in session.exec(own):
            port.absent = True
            units.append(Unit(Kind.NETWORK, port.network_id))
    return list(dict.fromkeys(units))


def is_doomed(session: Session, unit: Unit) -> bool:
    """Whether the unit is gone, or wanted gone."""
    row = session.get(_TABLES[unit.kind], unit.id)
    return row is None or bool(row.absent)
