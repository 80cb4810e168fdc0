"""Instances: what should run."""

from __future__ import annotations

from enum import StrEnum

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_map, timestamp


class Power(StrEnum):
    """What an instance should be doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    SUSPENDED = "suspended"


class Instance(SQLModel, table=True):
    """A guest as it should be.

    Sizes are copied from the flavor (`ram` MiB, `disk` GiB), so that a flavor can go. A reboot is a
    wanted generation: the machine has done it when the domain's label carries the same number.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    user_id: str | None = None
    name: str = Field(max_length=255)
    description: str = ""
    host: str = Field(max_length=64, index=True)
    flavor_id: str
    flavor_name: str
    vcpus: int
    ram: int
    disk: int
    image_id: str | None = Field(default=None, foreign_key="image.id", index=True)
    key_name: str | None = None
    public_key: str | None = None
    user_data: str | None = None
    config_drive: bool = True
    power: Power = Power.RUNNING
    hard_reboots: int = 0
    soft_reboots: int = 0
    properties: dict[str, str] = json_map()
    created_at: float = timestamp()
    absent: bool = False
