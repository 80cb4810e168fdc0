"""A volume's or snapshot's label as LVM tags. Pure.

A tag is at most 1024 characters of `[A-Za-z0-9_+.-/=!:&#]` and does not begin with `-` (lvm(8)),
so the label's text goes into base64, in numbered pieces.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

OWN = "quarterdeck"
# Made, and not yet what it is to be: it is no volume before this is taken off.
PARTIAL = "qd.partial"
VOLUME, SNAPSHOT = "volume", "snapshot"
_CLOUD = "qd.cloud="
_LABEL = "qd.label."
_PIECE = 960


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose volume it is by its id, and its label; `kind` tells a snapshot from a volume."""

    cloud: str
    volume: str
    label: str
    kind: str = VOLUME


def write(owner: Owner) -> list[str]:
    """The tags of a volume or a snapshot."""
    text = base64.urlsafe_b64encode(owner.label.encode()).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    labels = [f"{_LABEL}{index}={piece}" for index, piece in enumerate(pieces)]
    return [OWN, _CLOUD + owner.cloud, f"qd.{owner.kind}={owner.volume}", *labels]


def read(tags: Collection[str]) -> Owner | None:
    """Whose these tags are; None where they are not ours."""
    if OWN not in tags:
        return None
    cloud = _value(tags, _CLOUD)
    for kind in (VOLUME, SNAPSHOT):
        id_ = _value(tags, f"qd.{kind}=")
        if cloud and id_:
            return Owner(cloud, id_, _read_label(tags), kind)
    return None


def _value(tags: Collection[str], prefix: str) -> str:
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), "")


def _read_label(tags: Collection[str]) -> str:
    """The label, empty where its pieces are not whole."""
    pieces = {}
    for tag in tags:
        number, found, piece = tag.removeprefix(_LABEL).partition("=")
        if tag.startswith(_LABEL) and found and number.isdecimal():
            pieces[int(number)] = piece
    text = "".join(pieces[number] for number in sorted(pieces))
    try:
        return base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
