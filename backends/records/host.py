"""The cloud itself and the hosts it is made of."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp


class CloudRecord(SQLModel, table=True):
    """The one row that says which cloud this store is of."""

    __tablename__ = "cloud"

    id: str = identifier()
    name: str = Field(unique=True, max_length=32)
    bridge: str = Field(max_length=15)
    # The LVM volume group that holds its volumes; empty where they are plain files.
    volume_group: str = Field(default="", max_length=128)
    # Which of the host's conntrack zones are its own; None in stores that are older than this.
    zone_slot: int | None = None
    created_at: float = timestamp()


class HostRecord(SQLModel, table=True):
    """A machine that instances and volumes can be on.

    `tunnel_address` (empty: none) is where other hosts send its networks' frames, and
    `underlay_mtu` in bytes what passes there, as it was when the address was given.
    """

    __tablename__ = "host"

    name: str = Field(primary_key=True, max_length=64)
    address: str = ""
    enabled: bool = True
    tunnel_address: str = Field(default="", max_length=64)
    underlay_mtu: int = 0
    created_at: float = timestamp()
