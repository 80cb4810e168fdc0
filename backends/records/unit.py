"""A resource that is converged as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The kinds of unit, in the order in which they are built up."""

    HOST = "host"
    PROJECT = "project"
    IMAGE = "image"
    NETWORK = "network"
    ROUTER = "router"
    POOL = "pool"
    VOLUME = "volume"
    SNAPSHOT = "snapshot"
    BACKUP = "backup"
    INSTANCE = "instance"
    # What passes between the ports that the units before it have plugged.
    FIREWALL = "firewall"

    # Enum's own is written in Python, and a plan of a large cloud asks for it all the time.
    __hash__ = str.__hash__


class Unit(NamedTuple):
    """A resource by kind and id; written `instance:<id>`."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Unit:
        """The unit that `str` wrote."""
        kind, _, id_ = text.partition(":")
        return cls(Kind(kind), id_)
