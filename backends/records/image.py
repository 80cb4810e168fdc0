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


class Image(SQLModel, table=True):
    """An image and where it comes from.

    `size` is of the file, `virtual_size` of the disk in it, both in bytes and None until it is
    imported. `source` is the path or URL it is imported from, kept until that is done, so that an
    import that was interrupted can begin again.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    visibility: Visibility = Visibility.PRIVATE
    disk_format: str = Field(max_length=16)
    container_format: str = Field(default="bare", max_length=16)
    source: str | None = None
    imported: bool = False
    size: int | None = Field(default=None, sa_column=Column(BigInteger))
    virtual_size: int | None = Field(default=None, sa_column=Column(BigInteger))
    sha256: str | None = Field(default=None, max_length=64)
    sha512: str | None = Field(default=None, max_length=128)
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    kernel_id: str | None = Field(default=None, foreign_key="image.id")
    ramdisk_id: str | None = Field(default=None, foreign_key="image.id")
    properties: dict[str, str] = json_map()
    created_at: float = timestamp()
    absent: bool = False


class ImageMember(SQLModel, table=True):
    """A project that a shared image is shared with."""

    __tablename__ = "imagemember"

    image_id: str = Field(foreign_key="image.id", primary_key=True)
    project_id: str = Field(foreign_key="project.id", primary_key=True)
