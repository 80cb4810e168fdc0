"""What the command palette finds: the panels, and what can be done in the one in front."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from console.panels import PANELS

if TYPE_CHECKING:
    from console.deck import Deck


class DeckCommands(Provider):
    """Panels by name, actions by label."""

    def _commands(self) -> Iterator[tuple[str, Callable[[], None], str]]:
        deck = cast("Deck", self.app)
        for action in deck.actions():
            yield (
                f"{deck.panel.heading}: {action.label}",
                partial(deck.panel.action_act, action.id),
                f"{action.id}, key {action.key}",
            )
        for entry in PANELS:
            yield f"Go to {entry.title}", partial(deck.go, entry.slug), f":{entry.slug}"

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for text, run, help_ in self._commands():
            yield DiscoveryHit(text, run, help=help_)

    async def search(self, query: str) -> Hits:
        """Those whose letters match."""
        matcher = self.matcher(query)
        for text, run, help_ in self._commands():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, matcher.highlight(text), run, help=help_)
