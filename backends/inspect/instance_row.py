"""An instance in one line: what should be, and what is."""

from __future__ import annotations

from typing import NamedTuple

from backends.drivers.libvirt.facts import Reason, State
from backends.records.instance import Power


class InstanceRow(NamedTuple):
    """One line of a listing: what should be, and what is.

    `state` is None where no domain is there (or libvirt does not answer).
    """

    id: str
    name: str
    project_id: str
    power: Power
    absent: bool
    flavor: str
    image_id: str | None
    host: str
    created_at: float
    made: bool
    shelved: bool
    rescue_image_id: str | None
    previous: dict[str, str | int]
    addresses: tuple[str, ...]
    state: State | None
    reason: Reason | None
    # On another host, which alone knows what it does.
    away: bool = False

    @property
    def status(self) -> str:
        """Nova's word for it, from the machine; MISSING where its domain is lost."""
        if self.absent:
            return "DELETING"
        if self.shelved:
            return "SHELVED"
        if self.away:
            return "UNKNOWN"
        if self.state is None and self.made:
            return "MISSING"
        if self.state is State.RUNNING and self.rescue_image_id:
            return "RESCUE"
        if self.previous and self.state in (State.RUNNING, State.SHUTOFF):
            return "VERIFY_RESIZE"
        return status_of(self.power, self.state)

    @property
    def differs(self) -> bool:
        """Whether what is, is not what should be."""
        if self.away:
            return self.absent
        if self.shelved:
            return self.absent or self.state is not None
        return self.absent or self.state is not _STATES[self.power]


_STATES = {
    Power.RUNNING: State.RUNNING,
    Power.STOPPED: State.SHUTOFF,
    Power.PAUSED: State.PAUSED,
    Power.SUSPENDED: State.SAVED,
}
_STATUS = {
    State.RUNNING: "ACTIVE",
    State.STOPPING: "ACTIVE",
    State.PAUSED: "PAUSED",
    State.SHUTOFF: "SHUTOFF",
    State.SAVED: "SUSPENDED",
    State.CRASHED: "CRASHED",
}


def status_of(power: Power, state: State | None) -> str:
    """Nova's word for what is; without a domain, BUILD."""
    return "BUILD" if state is None else _STATUS[state]
