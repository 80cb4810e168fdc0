"""A volume's label as LVM tags. Pure.

A tag is at most 1024 characters of `[A-Za-z0-9_+.-/=!:&#]` and does not begin with `-` (lvm(8)),
so the label's text goes into base64, in numbered pieces.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

OWN = "quarterdeck"
_CLOUD = "qd.cloud="
_VOLUME = "qd.volume="
_LABEL = "qd.label."
_PIECE = 960


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose volume it is, and its label."""

    cloud: str
    volume: str
    label: str


def write(owner: Owner) -> list[str]:
    """The tags of a volume."""
    text = base64.urlsafe_b64encode(owner.label.encode()).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    labels = [f"{_LABEL}{index}={piece}" for index, piece in enumerate(pieces)]
    return [OWN, _CLOUD + owner.cloud, _VOLUME + owner.volume, *labels]


def read(tags: Collection[str]) -> Owner | None:
    """Whose volume carries these tags; None where they are not ours."""
    if OWN not in tags:
        return None
    cloud = next((tag.removeprefix(_CLOUD) for tag in tags if tag.startswith(_CLOUD)), "")
    volume = next((tag.removeprefix(_VOLUME) for tag in tags if tag.startswith(_VOLUME)), "")
    return Owner(cloud, volume, _read_label(tags)) if cloud and volume else None


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
