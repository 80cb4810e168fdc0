"""Open vSwitch goes and comes back: the agent notices by itself, and the outage is measured.

On a switch of the test's own, in a network namespace that is the host here. The agent runs as it
does on a machine; nobody asks for a repair. What is put back of guests' own ports after a lost
database is tried with real ones (`test_guests.py`): these here are plugged in by the test.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from backends import agent
from backends.cloud import Cloud
from backends.errors import MachineFailed, QuarterdeckError
from backends.lab.image import LabImage
from backends.records.network import OWNER_DHCP
from backends.services.network import NewSubnet
from backends.services.port import PortView
from backends.settings import dhcp_namespace, router_namespace
from tests.real.firewall.station import inside, namespace_name
from tests.real.lab import Lab, eventually, run
from tests.real.outage.beat import Beat, Calls
from tests.real.outage.cable import Cable, Tap
from tests.real.switch import Switch

BOOT = "cat /proc/sys/kernel/random/boot_id"
_PORTS = count(7200)


@dataclass
class Watched:
    """A cloud with two guests, its switch, and what the agent said."""

    lab: Lab
    switch: Switch
    one: Cable
    two: Cable
    said: list[tuple[float, str]] = field(default_factory=list)

    @property
    def cloud(self) -> Cloud:
        return self.lab.cloud

    @property
    def dhcp(self) -> PortView:
        """The port of the network's DHCP server."""
        views = self.cloud.ports.list(network="net")
        return next(each for each in views if each.port.device_owner == OWNER_DHCP)

    def hear(self, line: str) -> None:
        self.said.append((time.monotonic(), line))

    def is_in_order(self) -> bool:
        try:
            return not self.cloud.drift.show()
        except QuarterdeckError:
            # The switch is away.
            return False


@contextmanager
def _host(name: str) -> Iterator[None]:
    """A namespace that is the host for this thread and those it begins."""
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        with inside(name):
            yield
    finally:
        run("ip", "netns", "delete", name)


@contextmanager
def _agent(watched: Watched) -> Iterator[None]:
    """The agent, without its sweep: what is noticed, events told."""
    stop = threading.Event()
    thread = threading.Thread(target=agent.run, args=(watched.lab.access, watched.hear, stop))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent, "SWEEP", 3600.0)
        thread.start()
        try:
            eventually(lambda: any("watching" in line for _, line in watched.said), "the agent")
            yield
        finally:
            stop.set()
            thread.join()


def _guest(cloud: Cloud, ends: ExitStack) -> Cable:
    port = cloud.ports.create("net")
    address = next(each for _, each in cloud.ports.show(port.id).addresses if "." in each)
    cable = Cable(cloud, port, address, "", namespace_name())
    ends.callback(cable.unplug)
    cable.plug()
    return cable


@pytest.fixture(scope="module")
def watched(daemons: None) -> Iterator[Watched]:
    name = f"t-outage-{secrets.token_hex(3)}"
    with _host(name), ExitStack() as ends:
        switch = Switch(name)
        ends.callback(switch.close)
        switch.start()
        lab = Lab(switch)
        ends.callback(lab.close)
        lab.start()
        lab.cloud.networks.create("net")
        lab.cloud.networks.create_subnet(NewSubnet("net", "10.77.50.0/24", name="net"))
        lab.cloud.routers.create("gate")
        lab.cloud.routers.add_subnet("gate", "net")
        found = Watched(lab, switch, _guest(lab.cloud, ends), _guest(lab.cloud, ends))
        with _agent(found):
            eventually(lambda: found.one.pings(found.two.v4), "the network")
            yield found


def _crash(watched: Watched) -> None:
    watched.switch.kill()
    watched.switch.start()


def _restart(watched: Watched) -> None:
    watched.switch.restart()


def _restart_database(watched: Watched) -> None:
    watched.switch.restart("ovsdb-server")


def _delete_flows(watched: Watched) -> None:
    watched.switch.ofctl("del-flows", watched.cloud.settings.bridge)


def _delete_some_flows(watched: Watched) -> None:
    watched.switch.ofctl("del-flows", watched.cloud.settings.bridge, "table=60")


def _lose_database(watched: Watched) -> None:
    watched.switch.lose_database()
    bridge = watched.cloud.settings.bridge
    eventually(lambda: bridge in watched.switch.ctl("list-br").split(), "the bridge")
    # As an instance's port is put back by its own record.
    for each in (watched.one, watched.two):
        each.plug_in()


def _network(watched: Watched) -> str:
    return watched.cloud.networks.show("net").id


def _kill_dnsmasq(watched: Watched) -> None:
    pid = watched.cloud.machine.dnsmasq.facts([_network(watched)])[_network(watched)].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _delete_namespace(watched: Watched) -> None:
    run("ip", "netns", "delete", dhcp_namespace(_network(watched)))


def _flush_rules(watched: Watched) -> None:
    home = router_namespace(watched.cloud.routers.show("gate").router.id)
    run("ip", "netns", "exec", home, "nft", "flush", "ruleset")


@pytest.mark.parametrize(
    "break_",
    [
        _delete_flows,
        _delete_some_flows,
        _crash,
        _restart,
        _restart_database,
        _lose_database,
        _kill_dnsmasq,
        _delete_namespace,
        _flush_rules,
    ],
    ids=lambda each: each.__name__.strip("_"),
)
def test_the_agent_notices_and_mends(watched: Watched, break_: Callable[[Watched], None]) -> None:
    eventually(watched.is_in_order, "order")
    with Beat(watched.one, watched.two, next(_PORTS)) as beat:
        eventually(lambda: time.monotonic() - beat.last < 0.1, "the beat")
        watched.said.clear()
        began = time.monotonic()
        break_(watched)
        broken = time.monotonic()
        eventually(lambda: beat.last > broken, "the beat again")
        # With its database restarted the switch has lost nothing.
        if break_ is not _restart_database:
            eventually(lambda: watched.said, "the agent's word")
        eventually(watched.is_in_order, "order")
    took = time.monotonic() - broken
    name = break_.__name__.strip("_").replace("_", " ")
    print(f"{name}: done in {broken - began:.2f} s, nothing heard for {beat.outage:.2f} s, "
          f"in order {took:.2f} s later; the agent:", *(line for _, line in watched.said),
          sep="\n  ")  # fmt: skip
    (server,) = (address for _, address in watched.dhcp.addresses)
    assert watched.one.pings(server), "what is in a namespace hangs on the switch again"


@pytest.fixture
def tap(watched: Watched, lab_image: LabImage, tmp_path: Path) -> Iterator[Tap]:
    found = Tap(watched.one, watched.cloud.ports.create("net"), lab_image, tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize(
    "break_",
    [_crash, pytest.param(_restart, marks=pytest.mark.long)],
    ids=["crash", "restart"],
)
def test_a_real_guest_goes_on(
    watched: Watched, tap: Tap, break_: Callable[[Watched], None]
) -> None:
    """Its tap is QEMU's: the switch finds it again, and the guest never knew."""
    ready = tap.guest.wait_for("lab: ready ") and tap.guest.wait_for("\n")
    boot = tap.guest.run(BOOT)
    with Calls(ready.split()[1], watched.one.namespace) as calls:
        began = time.monotonic()
        break_(watched)
        broken = time.monotonic()
        eventually(lambda: calls.made[-1] > broken, "a connection")
    print(f"{break_.__name__.strip('_')}: no connection to it for {calls.outage(began):.2f} s")
    assert tap.guest.run(BOOT) == boot


def test_a_switch_that_is_away_is_told_of(watched: Watched) -> None:
    eventually(watched.is_in_order, "order")
    watched.switch.kill()
    try:
        with pytest.raises(MachineFailed) as failure:
            watched.cloud.drift.show()
        assert failure.value.code == "ovs.switch.unreachable"
        assert "see that ovs-vswitchd runs" in str(failure.value)
        # What does not hang on it is shown as ever.
        assert [row.name for row in watched.cloud.networks.list()] == ["net"]
        assert watched.cloud.topology.show().of_kind("network")
    finally:
        watched.switch.start()
    eventually(watched.is_in_order, "order")
    eventually(lambda: watched.one.pings(watched.two.v4), "the network")
