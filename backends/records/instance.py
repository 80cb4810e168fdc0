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

    Sizes are copied from the flavor (`ram` MiB, `disk` GiB), so that a flavor can go. Starts and
    reboots are wanted generations (`boots`, `soft_reboots`): the machine has done one when the
    domain's metadata carries the number. That tells a guest that shut itself down since it was last
    started from one that still has to be started. So are starts from a changed definition
    (`launches`), and root disks (`disk_generation`), each of which is a file of its own.

    `previous` is what a resize may go back to until it is confirmed: the fields it changed.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    user_id: str | None = None
    name: str = Field(max_length=255)
    # What the guest is told; a later rename leaves it.
    hostname: str = Field(max_length=63)
    description: str = ""
    host: str = Field(max_length=64, index=True)
    flavor_id: str
    flavor_name: str
    vcpus: int
    ram: int
    disk: int
    image_id: str | None = Field(default=None, foreign_key="image.id", index=True)
    # What its root disk is to stand on (None: on nothing), and what it stood on until that is so.
    base_id: str | None = Field(default=None, max_length=36, index=True)
    leaving_id: str | None = Field(default=None, max_length=36)
    key_name: str | None = None
    public_key: str | None = None
    user_data: str | None = None
    config_drive: bool = True
    power: Power = Power.RUNNING
    boots: int = 1
    soft_reboots: int = 0
    launches: int = 0
    disk_generation: int = 1
    previous: dict[str, str | int] = json_map()
    # The guest boots from this image, with its own root disk as its last.
    rescue_image_id: str | None = Field(default=None, max_length=36)
    # The volume that is its root disk, attached as `vda`; it has none of its own then.
    root_volume_id: str | None = Field(default=None, max_length=36)
    # Nothing of it is on the machine: its root disk is its image.
    shelved: bool = False
    properties: dict[str, str] = json_map()
    # The image's `hw_` properties at its launch, which outlive the image.
    hardware: dict[str, str] = json_map()
    created_at: float = timestamp()
    # Set once its disk exists: a lost disk is never replaced by an empty one in silence.
    made: bool = False
    absent: bool = False
