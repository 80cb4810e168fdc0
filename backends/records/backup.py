"""Copies of volumes in a directory (Cinder's backups)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp


class VolumeBackup(SQLModel, table=True):
    """A backup. `size` in GiB, the volume's; `stored` what its own pieces take, in bytes.

    `folder` is where its manifest and its pieces lie. An incremental one has those alone that
    differ from its `parent_id`'s. `volume_id` refers to a volume that may be gone.
    """

    __tablename__ = "volumebackup"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    volume_id: str = Field(max_length=36, index=True)
    snapshot_id: str = Field(default="", max_length=36)
    parent_id: str | None = Field(default=None, foreign_key="volumebackup.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    container: str = Field(default="", max_length=255)
    folder: str = ""
    size: int
    stored: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    pieces: int = 0
    key_id: str | None = Field(default=None, max_length=36)
    bootable: bool = False
    created_at: float = timestamp()
    made: bool = False
    absent: bool = False
