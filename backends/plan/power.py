"""Who owns a difference of power state, the record or the machine: the table, and its steps.

| should be | is                      | what is done                                             |
|-----------|-------------------------|----------------------------------------------------------|
| any       | shut off by its guest   | the record follows, unless a newer start was asked for   |
| running   | shut off, saved, killed | started (also after a reboot of the host)                |
| running   | paused                  | resumed; by a disk error: tried, told while it fails     |
| running   | running                 | reset or rebooted where a newer generation was asked for |
| stopped   | running, paused         | shut down                                                |
| paused    | running                 | paused; one that is off is started and paused            |
| suspended | running, paused         | saved to disk                                            |
"""

from __future__ import annotations

from backends.drivers.libvirt.facts import DomainFact, Reason, State
from backends.drivers.libvirt.steps import (
    PauseDomain,
    RebootDomain,
    ResetDomain,
    ResumeDomain,
    RetryDomain,
    SaveDomain,
    ShutDownDomain,
    StartDomain,
)
from backends.drivers.step import Step
from backends.plan.plan import FollowGuest, Problem
from backends.records.instance import Instance, Power

_OFF = {State.SHUTOFF, State.CRASHED, State.SAVED}


def plan(instance: Instance, fact: DomainFact | None) -> tuple[list[Step], list[Problem]]:
    """Steps that bring the domain to the power state its record wants. None: just defined."""
    state = fact.state if fact else State.SHUTOFF
    if _guest_decided(instance, fact):
        return ([FollowGuest(instance.id)] if instance.power is not Power.STOPPED else []), []
    if instance.power is Power.STOPPED:
        return ([] if state in _OFF else [ShutDownDomain(instance.id)]), []
    if instance.power is Power.SUSPENDED:
        return ([] if state in _OFF else [SaveDomain(instance.id)]), []
    if instance.power is Power.PAUSED:
        if state is State.PAUSED:
            return [], []
        pause = PauseDomain(instance.id)
        return ([_start(instance), pause] if state in _OFF else [pause]), []
    if state in _OFF:
        return [_start(instance)], []
    assert fact is not None
    if state is State.PAUSED:
        if fact.reason is Reason.IO_ERROR and fact.hard_reboots >= instance.boots:
            # What it could not write it writes again: nothing is lost, once there is space.
            return [RetryDomain(instance.id)], []
        return [ResumeDomain(instance.id), *_reboots(instance, fact)], []
    return _reboots(instance, fact), []


def _start(instance: Instance) -> StartDomain:
    generations = instance.boots, instance.soft_reboots, instance.launches
    return StartDomain(instance.id, *generations)


def _guest_decided(instance: Instance, fact: DomainFact | None) -> bool:
    return (
        fact is not None
        and fact.state is State.SHUTOFF
        and fact.reason is Reason.GUEST
        and fact.hard_reboots >= instance.boots
    )


def _reboots(instance: Instance, fact: DomainFact) -> list[Step]:
    if fact.hard_reboots < instance.boots:
        return [ResetDomain(instance.id, instance.boots)]
    if fact.soft_reboots < instance.soft_reboots:
        return [RebootDomain(instance.id, instance.soft_reboots)]
    return []
