"""One labelled thing without a record."""

from __future__ import annotations

import json
from dataclasses import dataclass

from backends.drivers.step import Step


@dataclass(frozen=True, slots=True)
class Orphan:
    """A thing that carries this cloud's label and that no record wants.

    `steps` take it away, in order; `evidence` is one line that says where its label stands; `name`
    is what its label calls it, where it does.
    """

    kind: str
    id: str
    evidence: str
    steps: tuple[Step, ...]
    name: str = ""

    @property
    def ref(self) -> str:
        """What it is asked for by: `kind:id`."""
        return f"{self.kind}:{self.id}"


def named(label: str, kind: str, field: str = "name") -> str:
    """The name in a label, or another field; empty where it has none or is not readable."""
    try:
        return str(json.loads(label)[kind][field] or "")
    except (ValueError, KeyError, TypeError):
        return ""
