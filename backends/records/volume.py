"""Volumes, their snapshots, and where they are attached (Cinder's words)."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_map, timestamp
from backends.settings import DEFAULT_POOL


class Volume(SQLModel, table=True):
    """A disk that outlives instances. `size` in GiB; `driver` is its pool's.

    `source_kind` and `source_id` say what it is filled from: an image, a snapshot, a volume or a
    backup. What is to happen once is a wish that is taken off when it is done: `revert_to` names
    the snapshot, `restore_from` the backup whose content it is to have, `target_pool` where it is
    to lie. `key_id` names the key of an encrypted one, which is kept outside of the store.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    size: int
    driver: str = Field(max_length=16)
    host: str = Field(max_length=64)
    pool: str = Field(default=DEFAULT_POOL, max_length=64)
    type_id: str | None = Field(default=None, foreign_key="volumetype.id")
    source_kind: str = Field(default="", max_length=16)
    source_id: str = Field(default="", max_length=36)
    image_properties: dict[str, str] = json_map()
    properties: dict[str, str] = json_map()
    bootable: bool = False
    read_only: bool = False
    multiattach: bool = False
    key_id: str | None = Field(default=None, max_length=36)
    group_id: str | None = Field(default=None, foreign_key="volumegroup.id", index=True)
    target_pool: str = Field(default="", max_length=64)
    revert_to: str = Field(default="", max_length=36)
    restore_from: str = Field(default="", max_length=36)
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


class VolumeSnapshot(SQLModel, table=True):
    """What a volume held at one moment. `size` in GiB, the volume's then.

    `backup_id` names the backup that it was made for alone, and goes with.
    """

    __tablename__ = "volumesnapshot"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    volume_id: str = Field(foreign_key="volume.id", index=True)
    name: str = Field(default="", max_length=255)
    description: str = ""
    size: int
    properties: dict[str, str] = json_map()
    key_id: str | None = Field(default=None, max_length=36)
    group_snapshot_id: str | None = Field(default=None, foreign_key="groupsnapshot.id", index=True)
    backup_id: str = Field(default="", max_length=36)
    created_at: float = timestamp()
    made: bool = False
    absent: bool = False
