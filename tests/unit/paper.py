"""A shelf's cloud whose verbs write records and converge nothing: there is no machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backends.caller import Caller
from backends.cloud import Cloud
from backends.errors import QuarterdeckError
from tests.unit.shelf import Shelf


class Nothing:
    """A converger without a machine."""

    def converge(self, *args: Any, **options: Any) -> None:
        """Nothing is planned and nothing applied."""


def on_paper(shelf: Shelf, caller: Caller | None = None) -> Cloud:
    """The cloud as the caller, or as its admin."""
    cloud = shelf.open(caller)
    vars(cloud.context)["converger"] = Nothing()
    return cloud


def refused(verb: Callable[[], object]) -> str:
    """The code with which a verb is refused."""
    with pytest.raises(QuarterdeckError) as refusal:
        verb()
    assert str(refusal.value).isprintable()
    return refusal.value.code
