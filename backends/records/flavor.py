"""The sizes an instance can have."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_map


class Flavor(SQLModel, table=True):
    """vCPUs, RAM in MiB, disk in GiB (0: as large as the image)."""

    id: str = identifier()
    name: str = Field(unique=True, max_length=255)
    vcpus: int = 1
    ram: int
    disk: int = 0
    is_public: bool = True
    description: str = ""
    properties: dict[str, str] = json_map()
