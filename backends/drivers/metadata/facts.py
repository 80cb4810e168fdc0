"""What a metadata server is: its process, and whom it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MetadataServer:
    """The server of a namespace (`qrouter-...`, `qdhcp-...`).

    `pid` is None where no process of ours runs there; `version` is that of the program it runs;
    `guests` are digests of what it tells, by interface.
    """

    namespace: str
    pid: int | None = None
    version: str = ""
    guests: Mapping[str, str] = field(default_factory=dict)
