"""Subnet pools: prefixes that subnets are cut from (Neutron's words)."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_list, timestamp


class SubnetPool(SQLModel, table=True):
    """Prefixes of one IP version. No two subnets that are cut from a pool overlap.

    `prefixes` in canonical form, merged. Lengths in bits. `default_quota` is what each project may
    have of it, in addresses (IPv4) or in ranges of 64 bits (IPv6); None is no limit. A `shared` one
    is for all projects, and `is_default` the one of its IP version that is used unasked.
    """

    __tablename__ = "subnetpool"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    description: str = ""
    ip_version: int = 4
    prefixes: list[str] = json_list()
    min_prefixlen: int = 8
    max_prefixlen: int = 32
    default_prefixlen: int = 8
    default_quota: int | None = None
    shared: bool = False
    is_default: bool = False
    created_at: float = timestamp()
