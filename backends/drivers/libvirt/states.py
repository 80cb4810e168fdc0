"""libvirt's numbers for states and reasons, in our words.

The numbers are virDomainState and its reasons (include/libvirt/libvirt-domain.h); they are part of
libvirt's stable interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.drivers.libvirt.facts import Reason, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    import libvirt

_STATES = {
    1: State.RUNNING,
    2: State.RUNNING,  # blocked on a resource: the vCPUs run
    3: State.PAUSED,
    4: State.STOPPING,
    5: State.SHUTOFF,
    6: State.CRASHED,
    7: State.PAUSED,  # suspended by its own power management
}
_SHUTOFF_REASONS = {
    1: Reason.GUEST,  # shutdown
    2: Reason.KILLED,  # destroyed
    3: Reason.KILLED,  # crashed
    6: Reason.KILLED,  # failed
}
_PAUSED_REASONS = {
    2: Reason.MIGRATING,
    5: Reason.IO_ERROR,
}
_MIGRATED = 4


def translate(state: int, reason: int, saved: bool) -> tuple[State, Reason]:
    """The state and who brought it about.

    `saved` says that a managed save image is there. Only that makes a domain saved: libvirt's own
    reason stays when the image is removed.
    """
    ours = _STATES.get(state, State.SHUTOFF)
    if ours is State.PAUSED:
        return ours, _PAUSED_REASONS.get(reason, Reason.UNKNOWN)
    if ours is State.CRASHED:
        return ours, Reason.KILLED
    if ours is not State.SHUTOFF:
        return ours, Reason.UNKNOWN
    if saved:
        return State.SAVED, Reason.UNKNOWN
    if reason == _MIGRATED:
        return ours, Reason.MIGRATING
    return ours, _SHUTOFF_REASONS.get(reason, Reason.UNKNOWN)


def all_states(connection: libvirt.virConnect) -> Mapping[str, tuple[State, Reason]]:
    """The state of every domain of the daemon by its UUID, ours or not, in two calls."""
    import libvirt

    rows = connection.getAllDomainStats(
        libvirt.VIR_DOMAIN_STATS_STATE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    )
    saved = {
        domain.UUIDString()
        for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
    }
    states = {}
    for domain, stats in rows:
        uuid = domain.UUIDString()
        states[uuid] = translate(
            stats.get("state.state", 0), stats.get("state.reason", 0), uuid in saved
        )
    return states
