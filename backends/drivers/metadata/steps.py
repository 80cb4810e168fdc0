"""Changes of metadata servers. Each is that of a namespace (`qrouter-...`, `qdhcp-...`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


def digest(text: str) -> str:
    """A short digest of what is told of an interface's guests."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ServeMetadata:
    """Have a server of this version run in the namespace; one that runs otherwise is ended."""

    namespace: str
    version: str

    @property
    def text(self) -> str:
        return f"serve metadata in {self.namespace}"


@dataclass(frozen=True, slots=True)
class StopMetadata:
    """End the server by its recorded pid, and remove its files."""

    namespace: str

    @property
    def text(self) -> str:
        return f"stop serving metadata in {self.namespace}"


@dataclass(frozen=True, slots=True)
class TellGuests:
    """Write what a server tells those who come by an interface; it reads it at the next request.

    `content` is the file's text (see server.py). It has user data, and is never printed.
    """

    namespace: str
    interface: str
    content: str = field(repr=False)

    @property
    def text(self) -> str:
        return f"write the metadata of guests behind {self.interface}"


@dataclass(frozen=True, slots=True)
class ForgetGuests:
    """Nobody comes by that interface any more."""

    namespace: str
    interface: str

    @property
    def text(self) -> str:
        return f"remove the metadata of guests behind {self.interface}"
