"""Patch ports between two bridges: shut until the flows of both stand, as Neutron does it."""

from __future__ import annotations

from dataclasses import replace

from backends.drivers.ovs.facts import CLOUD, KIND, OvsFacts
from backends.drivers.ovs.steps import AddPatch
from backends.settings import Settings

# A peer that is not there: nothing passes.
_NOWHERE = "nonexistent-peer"


def ends(
    settings: Settings, bridge: str, names: tuple[str, str], number: int
) -> tuple[AddPatch, AddPatch]:
    """br-int's end and the other bridge's; both have this OpenFlow number."""
    owner = ((CLOUD, settings.cloud), (KIND, "patch"))
    inner, outer = names
    return (
        AddPatch(settings.bridge, inner, outer, number, owner),
        AddPatch(bridge, outer, inner, number, owner),
    )


def shut(end: AddPatch) -> AddPatch:
    """The same end, leading nowhere yet."""
    return replace(end, peer=_NOWHERE)


def is_there(end: AddPatch, facts: OvsFacts) -> bool:
    """Whether it is on its bridge and ours, wherever it leads."""
    found = facts.ports.get(end.name)
    return (
        found is not None
        and found.bridge == end.bridge
        and bool(found.peer)
        and found.labels.items() >= set(end.labels)
    )


def is_open(end: AddPatch, facts: OvsFacts) -> bool:
    """Whether it leads where it should."""
    return is_there(end, facts) and facts.ports[end.name].peer == end.peer
