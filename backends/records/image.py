"""Images: what instances are made from (Glance's words)."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_map, timestamp


class Visibility(StrEnum):
    """Who may use an image besides its project."""

    PRIVATE = "private"
    SHARED = "shared"
    PUBLIC = "public"


class Membership(StrEnum):
    """What a project makes of an image that is shared with it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Image(SQLModel, table=True):
    """An image and where it comes from.

    `size` is of the file, `virtual_size` of the disk in it, both in bytes and None until it is
    imported. `source` is the path or URL it is imported from, kept until that is done, so that an
    import that was interrupted can go on; `source_uid` is the user of the machine as whom it is
    read, None for the cloud's admin, who may also name a device. `origin` is where it came from
    once it is here, without a password: from there a lost file can be fetched again.
    `convert_to` is the format that its file is yet to get. One that is not `active` is neither
    launched nor given out; one that is `damaged` was found not to be what was imported.
    `parent_id` is the image that a snapshot's instance was made from; it may be gone.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    visibility: Visibility = Visibility.PRIVATE
    disk_format: str = Field(max_length=16)
    container_format: str = Field(default="bare", max_length=16)
    source: str | None = None
    source_uid: int | None = None
    origin: str | None = None
    convert_to: str | None = Field(default=None, max_length=16)
    imported: bool = False
    active: bool = True
    damaged: bool = False
    size: int | None = Field(default=None, sa_column=Column(BigInteger))
    virtual_size: int | None = Field(default=None, sa_column=Column(BigInteger))
    sha256: str | None = Field(default=None, max_length=64)
    sha512: str | None = Field(default=None, max_length=128)
    verified_at: float | None = None
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    kernel_id: str | None = Field(default=None, foreign_key="image.id")
    ramdisk_id: str | None = Field(default=None, foreign_key="image.id")
    parent_id: str | None = Field(default=None, max_length=36)
    properties: dict[str, str] = json_map()
    # Whose folder its file is in; empty in stores that are older than this.
    host: str = Field(default="", max_length=64)
    created_at: float = timestamp()
    absent: bool = False

    @property
    def ready(self) -> bool:
        """Whether its file is here, in the format that it is to have."""
        return self.imported and not self.convert_to


class ImageMember(SQLModel, table=True):
    """A project that a shared image is shared with."""

    __tablename__ = "imagemember"

    image_id: str = Field(foreign_key="image.id", primary_key=True)
    project_id: str = Field(foreign_key="project.id", primary_key=True)
    # A Membership, as plain text.
    status: str = Field(default=Membership.PENDING.value, max_length=8)
    created_at: float = timestamp()
