"""Who owns a difference of power state: every row of the table in plan/power.py, and more."""

from __future__ import annotations

import itertools

import pytest

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
from backends.plan import power
from backends.plan.plan import FollowGuest
from backends.records.instance import Instance, Power
from tests.machine_model import Model

ID = "i"
START, PAUSE, RESUME = StartDomain(ID, 3, 2), PauseDomain(ID), ResumeDomain(ID)
STOP, SAVE, FOLLOW = ShutDownDomain(ID), SaveDomain(ID), FollowGuest(ID)
RUNNING, STOPPED, PAUSED, SUSPENDED = Power.RUNNING, Power.STOPPED, Power.PAUSED, Power.SUSPENDED
UNKNOWN, GUEST, KILLED = Reason.UNKNOWN, Reason.GUEST, Reason.KILLED


def wanted(state: Power) -> Instance:
    return Instance(
        id=ID, project_id="p", name="ship", hostname="ship", host="deck", flavor_id="f",
        flavor_name="f", vcpus=1, ram=1, disk=1, power=state, boots=3, soft_reboots=2,
    )  # fmt: skip


def found(state: State, reason: Reason = UNKNOWN, hard: int = 3, soft: int = 2) -> DomainFact:
    return DomainFact(
        ID, "instance-i", state, reason, "", "", 1, 1, hard_reboots=hard, soft_reboots=soft
    )


@pytest.mark.parametrize(
    ("should", "state", "reason", "steps"),
    [
        (RUNNING, State.RUNNING, UNKNOWN, []),
        (RUNNING, State.STOPPING, UNKNOWN, []),
        (RUNNING, State.PAUSED, UNKNOWN, [RESUME]),
        (RUNNING, State.PAUSED, Reason.MIGRATING, [RESUME]),
        (RUNNING, State.SHUTOFF, UNKNOWN, [START]),
        (RUNNING, State.SHUTOFF, KILLED, [START]),
        (RUNNING, State.SHUTOFF, GUEST, [FOLLOW]),
        (RUNNING, State.CRASHED, KILLED, [START]),
        (RUNNING, State.SAVED, UNKNOWN, [START]),
        (STOPPED, State.RUNNING, UNKNOWN, [STOP]),
        (STOPPED, State.STOPPING, UNKNOWN, [STOP]),
        (STOPPED, State.PAUSED, UNKNOWN, [STOP]),
        (STOPPED, State.SHUTOFF, UNKNOWN, []),
        (STOPPED, State.SHUTOFF, KILLED, []),
        (STOPPED, State.SHUTOFF, GUEST, []),
        (STOPPED, State.CRASHED, KILLED, []),
        (STOPPED, State.SAVED, UNKNOWN, []),
        (PAUSED, State.RUNNING, UNKNOWN, [PAUSE]),
        (PAUSED, State.PAUSED, UNKNOWN, []),
        (PAUSED, State.SHUTOFF, KILLED, [START, PAUSE]),
        (PAUSED, State.SHUTOFF, GUEST, [FOLLOW]),
        (PAUSED, State.SAVED, UNKNOWN, [START, PAUSE]),
        (SUSPENDED, State.RUNNING, UNKNOWN, [SAVE]),
        (SUSPENDED, State.PAUSED, UNKNOWN, [SAVE]),
        (SUSPENDED, State.SAVED, UNKNOWN, []),
        (SUSPENDED, State.SHUTOFF, KILLED, []),
        (SUSPENDED, State.SHUTOFF, GUEST, [FOLLOW]),
    ],
)
def test_the_table(should: Power, state: State, reason: Reason, steps: list[object]) -> None:
    assert power.plan(wanted(should), found(state, reason)) == (steps, [])


@pytest.mark.parametrize(
    ("should", "steps"),
    [(RUNNING, [START]), (STOPPED, []), (PAUSED, [START, PAUSE]), (SUSPENDED, [])],
)
def test_a_domain_that_was_just_defined_is_off(should: Power, steps: list[object]) -> None:
    assert power.plan(wanted(should), None) == (steps, [])


@pytest.mark.parametrize(
    ("hard", "soft", "steps"),
    [
        (3, 2, []),
        (3, 1, [RebootDomain(ID, 2)]),
        (2, 2, [ResetDomain(ID, 3)]),
        # A reset is also the reboot that was asked for besides.
        (2, 1, [ResetDomain(ID, 3)]),
    ],
)
def test_reboots_that_were_asked_for_are_done_once(
    hard: int, soft: int, steps: list[object]
) -> None:
    assert power.plan(wanted(RUNNING), found(State.RUNNING, UNKNOWN, hard, soft)) == (steps, [])
    paused = power.plan(wanted(RUNNING), found(State.PAUSED, UNKNOWN, hard, soft))
    assert paused == ([RESUME, *steps], [])


def test_a_start_that_is_newer_than_the_shutdown_wins_over_the_guest() -> None:
    shut_down_before = found(State.SHUTOFF, GUEST, hard=2)
    assert power.plan(wanted(RUNNING), shut_down_before) == ([START], [])


def test_after_a_disk_error_the_disk_is_tried_again() -> None:
    paused = found(State.PAUSED, Reason.IO_ERROR)
    assert power.plan(wanted(RUNNING), paused) == ([RetryDomain(ID)], [])


def test_a_hard_reboot_goes_on_after_a_disk_error() -> None:
    paused = found(State.PAUSED, Reason.IO_ERROR, hard=2)
    assert power.plan(wanted(RUNNING), paused) == ([RESUME, ResetDomain(ID, 3)], [])


@pytest.mark.parametrize(
    ("should", "state", "reason"),
    itertools.product(Power, State, (UNKNOWN, GUEST, KILLED)),
)
def test_what_was_planned_leaves_nothing_to_plan(
    should: Power, state: State, reason: Reason
) -> None:
    instance, model = wanted(should), Model()
    model.domains[ID] = found(state, reason, hard=2, soft=1)
    # A reboot by the button follows a reset; more than a handful of rounds would be a loop.
    for _ in range(4):
        steps, problems = power.plan(instance, model.domains[ID])
        assert problems == []
        if not steps:
            return
        for step in steps:
            if isinstance(step, FollowGuest):
                instance.power = Power.STOPPED
            else:
                model.apply(step)
    pytest.fail(f"still planned: {steps}")
