"""Labels of things that have no place of their own to carry one: small files beside them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WriteLabel:
    """Keep a label (JSON text) for `kind` and `id` under the cloud's state folder."""

    kind: str
    id: str
    label: str

    @property
    def text(self) -> str:
        return f"label {self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class RemoveLabel:
    """Remove the label of a thing that is gone."""

    kind: str
    id: str

    @property
    def text(self) -> str:
        return f"remove the label of {self.kind} {self.id}"
