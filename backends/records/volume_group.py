"""Volumes that belong together, and volumes on their way to another project."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp


class VolumeGroup(SQLModel, table=True):
    """Volumes of which snapshots are made at one moment."""

    __tablename__ = "volumegroup"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    created_at: float = timestamp()


class GroupSnapshot(SQLModel, table=True):
    """Snapshots of all volumes of a group, made at one moment."""

    __tablename__ = "groupsnapshot"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    group_id: str = Field(foreign_key="volumegroup.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    created_at: float = timestamp()


class VolumeTransfer(SQLModel, table=True):
    """A volume that whoever knows the key may take. The key itself is not kept."""

    __tablename__ = "volumetransfer"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    volume_id: str = Field(foreign_key="volume.id", unique=True)
    name: str = Field(default="", max_length=255)
    key_hash: str = Field(max_length=64)
    created_at: float = timestamp()
