"""Where volumes lie, and what kinds of them there are (Cinder's backends, types and QoS)."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_map, timestamp


class StoragePool(SQLModel, table=True):
    """A place for volumes.

    `driver` is `file`, `nfs`, `lvm` or `lvm-thin`; `place` the folder, the export (`host:/path`),
    the volume group, or the thin pool (`group/pool`). Empty `host` is the cloud's own machine;
    another is reached by SSH at `address` as `login` with the private key in the file `key_path`,
    and must show `host_key`. `portal` is what instances reach its targets by (`address:port`).
    `ratio` is how much more may be promised than there is.
    """

    __tablename__ = "storagepool"

    id: str = identifier()
    name: str = Field(unique=True, max_length=64)
    driver: str = Field(max_length=16)
    place: str = ""
    host: str = Field(default="", max_length=64)
    address: str = ""
    login: str = ""
    key_path: str = ""
    host_key: str = ""
    portal: str = ""
    ratio: float = 1.0
    enabled: bool = True
    created_at: float = timestamp()
    absent: bool = False


class QosSpec(SQLModel, table=True):
    """Limits of input and output, in libvirt's words (`total_iops_sec`, `read_bytes_sec`, ...)."""

    __tablename__ = "qosspec"

    id: str = identifier()
    name: str = Field(unique=True, max_length=255)
    consumer: str = Field(default="front-end", max_length=16)
    specs: dict[str, str] = json_map()


class VolumeType(SQLModel, table=True):
    """A kind of volume. `specs` are Cinder's extra specs: `volume_backend_name`, `multiattach`.

    `encryption` is empty, or the provider `luks`.
    """

    __tablename__ = "volumetype"

    id: str = identifier()
    name: str = Field(unique=True, max_length=255)
    description: str = ""
    public: bool = True
    specs: dict[str, str] = json_map()
    encryption: str = Field(default="", max_length=16)
    qos_id: str | None = Field(default=None, foreign_key="qosspec.id")
    created_at: float = timestamp()
