"""Names that become parts of paths: only what cannot lead out of a folder."""

from __future__ import annotations

import re

from backends.errors import Refused

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}")


def is_kind(text: str) -> bool:
    """Whether this can be a kind of label."""
    return _KIND.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether this can be an id: a UUID, or a short name of safe characters."""
    return _ID.fullmatch(text) is not None


def check_kind(text: str) -> str:
    """The kind, if it can be one. Raises Refused `label.kind.invalid`."""
    if not is_kind(text):
        raise Refused("label.kind.invalid", f"{text[:40]!r} cannot be a kind of label")
    return text


def check_id(text: str) -> str:
    """The id, if it can be one. Raises Refused `id.invalid`."""
    if not is_id(text):
        raise Refused("id.invalid", f"{text[:40]!r} cannot be an id")
    return text
