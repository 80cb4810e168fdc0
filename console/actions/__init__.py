"""Every action of the console by its id: its key, what it does, and whether it is dangerous.

The ids are what a key map remaps, what read-only mode goes by, and what the help lists. There is a
module for each group of nouns; importing it puts its actions among them.
"""

from __future__ import annotations

from console.actions import (  # noqa: F401 - for the actions that they have
    identity,
    image,
    instance,
    machine,
    network,
    panel,
    router,
    security,
    volume,
)
from console.actions.action import REGISTRY, Action, bindings, keys_of, of, offered

__all__ = ["REGISTRY", "Action", "bindings", "keys_of", "of", "offered"]
