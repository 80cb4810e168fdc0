"""Parts that all tables share."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field


def new_id() -> str:
    """A random UUID in its canonical form (RFC 9562)."""
    return str(uuid.uuid4())


def now() -> float:
    """Seconds since the epoch, UTC: the unit of every time in the store."""
    return time.time()


def identifier() -> Any:
    """A primary key: a UUID made when the row is made."""
    return Field(default_factory=new_id, primary_key=True, max_length=36)


def timestamp() -> Any:
    """When the row was made, seconds since the epoch."""
    return Field(default_factory=now)


def json_list() -> Any:
    """A list kept as JSON."""
    return Field(default_factory=list, sa_column=Column(JSON, nullable=False))


def json_map() -> Any:
    """A mapping kept as JSON."""
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
