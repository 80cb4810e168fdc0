"""What somebody breaks is noticed, shown and put back."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from backends.records.network import OWNER_GATEWAY
from backends.records.router import FloatingIp
from backends.services.network import NewSubnet
from backends.settings import router_namespace
from tests.real.lab import eventually, run
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT


@pytest.fixture(scope="module")
def floating(street: Street) -> FloatingIp:
    for each in (street.first, street.second, street.outside):
        each.serve(PORT)
    cloud = street.town.cloud
    # With an IPv6 subnet the router advertises, too.
    cloud.networks.create("inner6")
    cloud.networks.create_subnet(NewSubnet("inner6", "fd77:9::/64", name="inner6"))
    cloud.routers.add_subnet("gate", "inner6")
    return cloud.floating_ips.create("public", port="first")


def _inside(street: Street, *argv: str) -> str:
    return run("ip", "netns", "exec", router_namespace(street.router.id), *argv)


def _flush(street: Street) -> None:
    _inside(street, "nft", "flush", "ruleset")


def _replace_a_rule(street: Street) -> None:
    rules = _inside(street, "nft", "-a", "list", "chain", "ip", "quarterdeck", "postrouting")
    line = next(line for line in rules.splitlines() if "snat to ip saddr" in line)
    handle = line.split()[-1]
    _inside(street, "nft", "replace", "rule", "ip", "quarterdeck", "postrouting", "handle", handle,
            "snat to 198.18.255.255")  # fmt: skip


def _delete_namespace(street: Street) -> None:
    run("ip", "netns", "delete", router_namespace(street.router.id))


def _delete_bridge(street: Street) -> None:
    # The machine outside goes with its port, so it is taken off first.
    run("ovs-vsctl", "del-br", street.town.cloud.settings.external_bridge)


def _delete_patch(street: Street) -> None:
    run("ovs-vsctl", "del-port", street.town.cloud.settings.patch[0])


def _misdirect_patch(street: Street) -> None:
    run("ovs-vsctl", "set", "Interface", street.town.cloud.settings.patch[1], "options:peer=nobody")


def _delete_flows(street: Street) -> None:
    run("ovs-ofctl", "del-flows", street.town.cloud.settings.external_bridge)


def _take_address(street: Street) -> None:
    run("ip", "address", "flush", "dev", street.town.cloud.settings.external_bridge)


def _take_gateway_down(street: Street) -> None:
    view = street.town.cloud.routers.show(street.router.id)
    port = next(i.port for i in view.interfaces if i.port.device_owner == OWNER_GATEWAY)
    _inside(street, "ip", "link", "set", port.interface, "down")


def _take_route(street: Street) -> None:
    _inside(street, "ip", "route", "delete", "default")


def _stop_forwarding(street: Street) -> None:
    _inside(street, "sysctl", "-q", "-w", "net.ipv4.ip_forward=0")


def _stop_advertising(street: Street) -> None:
    folder = street.town.cloud.settings.advertisements(street.router.id)
    run("kill", "-KILL", (folder / "pid").read_text().strip())


BREAKS: list[Callable[[Street], None]] = [
    _flush,
    _replace_a_rule,
    _delete_namespace,
    _delete_patch,
    _misdirect_patch,
    _delete_flows,
    _take_address,
    _take_gateway_down,
    _take_route,
    _stop_forwarding,
    _stop_advertising,
]


@pytest.mark.parametrize("break_", BREAKS, ids=lambda each: each.__name__.strip("_"))
def test_it_is_noticed_and_put_back(
    street: Street, floating: FloatingIp, break_: Callable[[Street], None]
) -> None:
    cloud = street.town.cloud
    assert not cloud.drift.show()
    break_(street)
    began = time.monotonic()
    found = cloud.drift.show()
    assert list(found.plan.steps), "nobody noticed"
    cloud.drift.repair()
    again = cloud.drift.show()
    assert [step.text for step in again.plan.steps] == []
    works = lambda: (  # noqa: E731
        street.outside.reaches(floating.address, PORT) == street.outside.address
        and street.second.reaches(street.outside.address, PORT)
        == street.town.gateway_of(street.router)
        and street.second.pings(f"{street.town.outer}.1")
    )
    eventually(works, "the way out and in")
    print(f"{break_.__name__.strip('_')}: out for {time.monotonic() - began:.2f} s")


def test_a_deleted_external_bridge_is_put_back(street: Street, floating: FloatingIp) -> None:
    cloud = street.town.cloud
    _delete_bridge(street)
    assert list(cloud.drift.show().plan.steps)
    cloud.drift.repair()
    assert not cloud.drift.show()
    eventually(lambda: street.second.pings(f"{street.town.outer}.1"), "the way out")
    assert street.first.pings(f"{street.town.outer}.1")
    reached = run("ping", "-c", "1", "-W", "2", "-q", floating.address)
    assert "1 received" in reached
