"""What carries a running guest is broken: noticed, shown, put back, and the guest never knew.

The guest is a real one behind a router with a floating IP, which this host connects to all the
while. Printed is the longest time in which no connection came about; the repair is asked for as
soon as the drift was shown. (The agent looks by itself: `test_switch.py`.)
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import pytest

from backends.lab.image import LabImage
from backends.records.tables import Instance, Network, Router
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.settings import dhcp_namespace, router_namespace
from console.screens.drift import Drift
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, eventually, run
from tests.real.outage.beat import Calls
from tests.real.routing.town import Town

BOOT = "cat /proc/sys/kernel/random/boot_id"


@dataclass
class Scene:
    """A guest on a network with a router, and what it is known by."""

    town: Town
    network: Network
    router: Router
    instance: Instance
    guest: Guest
    floating: str
    boot: str
    qemu: int

    def shown(self) -> list[str]:
        """The rows of the console's drift panel, as `quarterdeck drift` has them too."""
        rows = Drift().fetch(self.town.cloud, True)
        assert [each for each in rows if each.code] == [], "nothing that cannot be mended"
        return [f"{each.kind} {each.name}: {each.what}" for each in rows]

    def marked(self) -> list[str]:
        """The names of what the topology marks."""
        nodes = self.town.cloud.topology.show(all_projects=True).nodes.values()
        return [each.name for each in nodes if each.differs]


@pytest.fixture(scope="module")
def scene(daemons: None, lab_image: LabImage) -> Iterator[Scene]:
    town = Town()
    try:
        town.open()
        town.let_in(town.cloud)
        town.lab.furnish(lab_image)
        cloud = town.cloud
        network = cloud.networks.create("home")
        cloud.networks.create_subnet(NewSubnet("home", "10.77.60.0/24", name="home"))
        router = town.router(cloud, "gate", "home")
        new = NewInstance("box", FLAVOR, IMAGE, (Plug(network="home"),))
        instance = cloud.instances.create(new)
        guest = town.lab.guest(instance)
        floating = cloud.floating_ips.create("public").address
        cloud.floating_ips.lend_to_instance(floating, "box")
        boot = guest.run(BOOT)
        # Without its bridge nothing of the range is to leave this host by its default route.
        nowhere = ("unreachable", f"{town.outer}.0/24", "metric", "9000")
        run("ip", "route", "add", *nowhere)
        try:
            yield Scene(town, network, router, instance, guest, floating, boot, _qemu(instance))
        finally:
            run("ip", "route", "delete", *nowhere)
    finally:
        town.close()


@pytest.fixture(autouse=True)
def in_order(scene: Scene) -> None:
    """What one test left broken does not make the next one fail."""
    scene.town.cloud.drift.repair()


def _qemu(instance: Instance) -> int:
    return next(
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"].startswith("qemu-system")
        and f"guest=instance-{instance.id}" in " ".join(process.info["cmdline"] or [])
    )


def _delete_flows(scene: Scene) -> None:
    run("ovs-ofctl", "del-flows", scene.town.cloud.settings.bridge)


def _delete_bridge(scene: Scene) -> None:
    run("ovs-vsctl", "del-br", scene.town.cloud.settings.bridge)


def _delete_external_bridge(scene: Scene) -> None:
    run("ovs-vsctl", "del-br", scene.town.cloud.settings.external_bridge)


def _kill_dnsmasq(scene: Scene) -> None:
    pid = scene.town.cloud.machine.dnsmasq.facts([scene.network.id])[scene.network.id].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(pid), "its end")


def _delete_router_namespace(scene: Scene) -> None:
    run("ip", "netns", "delete", router_namespace(scene.router.id))


def _delete_dhcp_namespace(scene: Scene) -> None:
    run("ip", "netns", "delete", dhcp_namespace(scene.network.id))


def _flush_nft(scene: Scene) -> None:
    home = router_namespace(scene.router.id)
    run("ip", "netns", "exec", home, "nft", "flush", "ruleset")
    # Connections that were translated go on until they end; new ones are not.
    run("ip", "netns", "exec", home, "conntrack", "-F")


def _delete_host_table(scene: Scene) -> None:
    run("nft", "delete", "table", "inet", scene.town.cloud.settings.host_table)


def _all_at_once(scene: Scene) -> None:
    """What a host has lost that was rebooted, but for its guests."""
    _kill_dnsmasq(scene)
    _delete_host_table(scene)
    _delete_router_namespace(scene)
    _delete_dhcp_namespace(scene)
    _delete_bridge(scene)
    _delete_external_bridge(scene)


# What is broken, what the drift panel says of it, and what the topology marks.
BREAKS: dict[Callable[[Scene], None], tuple[str, list[str]]] = {
    _delete_flows: ("flows in", []),
    _delete_bridge: ("add bridge", ["home", "gate"]),
    _delete_external_bridge: ("add bridge", []),
    _kill_dnsmasq: ("serve DHCP", ["home"]),
    _delete_router_namespace: ("add namespace", ["gate"]),
    _delete_dhcp_namespace: ("add namespace", ["home"]),
    _flush_nft: ("write nftables table", ["gate"]),
    _delete_host_table: ("write nftables table", []),
    _all_at_once: ("add bridge", ["home", "gate"]),
}


@pytest.mark.parametrize("break_", BREAKS, ids=lambda each: each.__name__.strip("_"))
def test_it_is_shown_and_put_back_and_the_guest_never_knew(
    scene: Scene, break_: Callable[[Scene], None]
) -> None:
    words, marked = BREAKS[break_]
    cloud = scene.town.cloud
    assert scene.shown() == []
    with Calls(scene.floating) as calls:
        began = time.monotonic()
        break_(scene)
        shown = scene.shown()
        assert any(words in line for line in shown), shown
        assert set(marked) <= set(scene.marked())
        cloud.drift.repair()
        repaired = time.monotonic()
        eventually(lambda: calls.made[-1] > repaired, "a connection")
    assert scene.shown() == []
    assert scene.guest.run(BOOT) == scene.boot
    assert psutil.pid_exists(scene.qemu)
    outage = calls.outage(began)
    name = break_.__name__.strip("_").replace("_", " ")
    print(f"{name}: no connection for {outage:.2f} s;", *shown, sep="\n  ")
