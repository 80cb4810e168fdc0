"""Volumes and where they are attached (Cinder's words)."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp


class Volume(SQLModel, table=True):
    """A disk that outlives instances. `size` in GiB; `driver` is `lvm` or `file`."""

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    size: int
    driver: str = Field(max_length=16)
    host: str = Field(max_length=64)
    created_at: float = timestamp()
    # Set once it exists: what is lost later is never made anew, empty, in silence.
    made: bool = False
    absent: bool = False


class Attachment(SQLModel, table=True):
    """A volume in an instance. `device` is the guest's name for it, a hint only (`vdb`)."""

    volume_id: str = Field(foreign_key="volume.id", primary_key=True)
    instance_id: str = Field(foreign_key="instance.id", primary_key=True, index=True)
    device: str = Field(max_length=8)
    read_only: bool = False
    created_at: float = timestamp()
    # Kept until the guest has let go, so that nobody else attaches the volume meanwhile.
    absent: bool = False
