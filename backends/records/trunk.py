"""Trunks: ports whose guests tag frames to be on several networks (IEEE 802.1Q)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp


class Trunk(SQLModel, table=True):
    """A parent port, whose own network is untagged, with subports. One that is down has none."""

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    port_id: str = Field(foreign_key="port.id", unique=True)
    admin_state_up: bool = True
    created_at: float = timestamp()


class Subport(SQLModel, table=True):
    """A port that the parent's guest has under a VLAN of its own choice (1 to 4094)."""

    __table_args__ = (UniqueConstraint("trunk_id", "segmentation_id"),)

    port_id: str = Field(foreign_key="port.id", primary_key=True)
    trunk_id: str = Field(foreign_key="trunk.id", index=True)
    segmentation_id: int
