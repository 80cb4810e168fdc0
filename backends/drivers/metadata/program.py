"""The text of the metadata server, as it is copied to where it runs."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def text() -> str:
    """The program."""
    return Path(__file__).with_name("server.py").read_text(encoding="utf-8")


@cache
def version() -> str:
    """A short digest of it: a server of another version is started anew."""
    return hashlib.sha256(text().encode()).hexdigest()[:16]
