"""Verbs on their way: planned and asked where dangerous, done beside the event loop, and told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.message import Message

from backends.errors import QuarterdeckError

if TYPE_CHECKING:
    from textual.screen import Screen

    from backends.cloud import Cloud
    from backends.plan.plan import Plan
    from console.screens.panel import OneByOne

Verb = Callable[["Cloud"], object]


@dataclass(frozen=True, slots=True)
class Errand:
    """A verb and what it is called; `makes` says that it gives what it made.

    `shows` is the screen of what it gave, where that is to be seen.
    """

    title: str
    verb: Verb
    makes: bool = False
    shows: Callable[[Any], Screen[None]] | None = None


class Planned(Message):
    """What a dangerous verb would do, or why it is refused."""

    def __init__(self, errand: Errand, plan: Plan | None, error: QuarterdeckError | None) -> None:
        super().__init__()
        self.errand = errand
        self.plan = plan
        self.error = error


class Performed(Message):
    """A verb is done, or was refused, after `took` seconds.

    `made` is the id of what it made, `gave` what it gave where that is to be shown.
    """

    def __init__(
        self,
        errand: Errand,
        took: float,
        error: QuarterdeckError | None,
        made: str = "",
        gave: object = None,
    ) -> None:
        super().__init__()
        self.made = made
        self.gave = gave
        self.errand = errand
        self.took = took
        self.error = error


def plan(cloud: Cloud, errand: Errand) -> Planned:
    """Plan it without doing it. Runs in a thread."""
    try:
        return Planned(errand, planned(cloud, errand.verb), None)
    except QuarterdeckError as error:
        return Planned(errand, None, error)


def perform(cloud: Cloud, errand: Errand) -> Performed:
    """Do it. Runs in a thread."""
    began = time.monotonic()
    error: QuarterdeckError | None = None
    made, gave = "", None
    try:
        result = errand.verb(cloud)
        made = str(getattr(result, "id", "")) if errand.makes else ""
        gave = result if errand.shows is not None else None
    except QuarterdeckError as raised:
        error = raised
    return Performed(errand, time.monotonic() - began, error, made, gave)


def planned(cloud: Cloud, verb: Verb) -> Plan:
    """What a verb would do. One that does several is planned one by one: a preview ends with the
    first. Raises what the verb does."""
    from backends.plan.plan import together

    several: OneByOne | None = verb if hasattr(verb, "verbs") else None  # type: ignore[assignment]
    if several is None:
        return cloud.preview(lambda: verb(cloud))
    plans = [cloud.preview(partial(each, cloud)) for each in several.verbs]
    return together(plans)
