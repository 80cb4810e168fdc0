"""Guests ask 169.254.169.254 who they are, by DHCP's namespace and by a router, and nobody else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from backends.drivers.metadata.server import EACH, SECONDS, USER
from backends.records.unit import Kind, Unit
from backends.settings import dhcp_namespace, router_namespace
from tests.real.firewall.station import inside
from tests.real.lab import eventually, run
from tests.real.metadata.conftest import Sides
from tests.real.metadata.quarter import GATEWAY, KEY, Quarter, Resident

ROUTE = "169.254.169.254"


def _way(quarter: Quarter, one: Resident) -> str:
    """The next hop to the service, as DHCP tells it."""
    script = quarter.lab.state / "told"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && echo "$staticroutes"\nexit 0\n')
    script.chmod(0o755)
    client = ("busybox", "udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "1", "-O", "121")
    said = one.body.run(*client, "-i", one.body.interface, "-s", str(script), check=False)
    script.unlink()
    routes = said.split()
    return dict(zip(routes[::2], routes[1::2], strict=True)).get(f"{ROUTE}/32", "")


def _reads_all_of_itself(one: Resident, name: str) -> None:
    meta = one.meta()
    assert (meta["name"], meta["public_keys"]) == (name, {"mine": KEY.format(name)})
    assert one.get("/openstack/latest/user_data") == (200, f"#!/bin/sh\necho {name}\n")
    status, network = one.get("/openstack/2018-08-27/network_data.json")
    assert status == 200
    assert one.port.mac in network
    assert one.get("/latest/meta-data/local-ipv4") == (200, one.body.address)
    assert one.get("/latest/meta-data/hostname") == (200, name)
    assert one.get("/latest/meta-data/public-keys/") == (200, "0=mine")
    assert one.get("/latest/meta-data/public-keys/0/openssh-key") == (200, KEY.format(name))
    assert one.get("/2009-04-04/user-data") == (200, f"#!/bin/sh\necho {name}\n")
    assert one.get("/latest/meta-data/security-groups") == (200, "default")
    assert one.get("/latest/nothing")[0] == 404
    life = ("-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60")
    status, token = one.get("/latest/api/token", *life)
    assert status == 200
    held = ("-H", f"X-aws-ec2-metadata-token: {token}")
    assert one.get("/latest/meta-data/hostname", *held) == (200, name)


def test_on_an_isolated_network_dhcp_tells_the_way_and_each_reads_its_own(
    quarter: Quarter, sides: Sides
) -> None:
    for one, name in ((sides.left, "left"), (sides.right, "right")):
        hop = _way(quarter, one)
        assert hop
        one.body.ip("route", "replace", ROUTE, "via", hop)
        _reads_all_of_itself(one, name)
        assert one.meta(one.url6)["name"] == name
    assert sides.left.meta()["uuid"] != sides.right.meta()["uuid"]


def test_who_is_no_instance_is_refused_and_noted(quarter: Quarter, sides: Sides) -> None:
    stranger = sides.stranger
    stranger.body.ip("route", "replace", ROUTE, "via", _way(quarter, stranger))
    forged = ("-H", f"X-Forwarded-For: {sides.left.body.address}", "-H", "X-Instance-ID: left")
    assert stranger.get("/openstack/latest/meta_data.json", *forged)[0] == 404
    home = dhcp_namespace(sides.left.port.network_id)
    log = quarter.lab.cloud.machine.metadata.refusals(home)
    assert f" 404 {stranger.body.address} " in log
    # A port's address that is not its own does not get out.
    stranger.body.ip("address", "add", "10.78.0.77/24", "dev", stranger.body.interface)
    argv = ("--interface", "10.78.0.77", "-m", "1")
    assert stranger.get("/openstack/latest/meta_data.json", *argv)[0] == 0


def test_the_server_has_no_rights_and_is_shut_in(quarter: Quarter, sides: Sides) -> None:
    home = dhcp_namespace(sides.left.port.network_id)
    fact = quarter.lab.cloud.machine.metadata.facts([home])[home]
    status = Path(f"/proc/{fact.pid}/status").read_text()
    assert f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status
    assert "CapEff:\t0000000000000000" in status
    folder = quarter.lab.cloud.settings.metadata(home)
    assert Path(f"/proc/{fact.pid}/root").readlink() == folder
    assert folder.stat().st_mode & 0o007 == 0


def test_a_flood_of_one_guest_keeps_no_other_waiting(sides: Sides) -> None:
    stranger, left = sides.stranger, sides.left
    with inside(stranger.body.name):
        slow = [socket.socket() for _ in range(EACH * 3)]
    first, *others = slow
    began = time.monotonic()
    first.connect((ROUTE, 80))
    first.sendall(b"GET /latest HTTP/1.0\r\nX: ")
    for each in others:
        each.setblocking(False)
        each.connect_ex((ROUTE, 80))
    assert left.meta()["name"] == "left"
    # What is not asked within its time is over.
    first.settimeout(SECONDS * 3)
    with suppress(ConnectionResetError):
        assert first.recv(100) == b""
    assert time.monotonic() - began >= SECONDS * 0.9
    for each in slow:
        each.close()


def _kill(quarter: Quarter, home: str) -> None:
    pid = quarter.lab.cloud.machine.metadata.facts([home])[home].pid
    assert pid is not None
    run("kill", "-KILL", str(pid))


def _edit(quarter: Quarter, home: str) -> None:
    (file,) = quarter.lab.cloud.settings.metadata(home).glob("*.json")
    file.write_text("{}")


def _delete_namespace(quarter: Quarter, home: str) -> None:
    run("ip", "netns", "delete", home)


def _take_address(quarter: Quarter, home: str) -> None:
    links = run("ip", "-n", home, "-br", "address", "show", "to", f"{ROUTE}/32")
    run("ip", "-n", home, "address", "delete", f"{ROUTE}/32", "dev", links.split()[0])


BREAKS: list[Callable[[Quarter, str], None]] = [_kill, _edit, _take_address, _delete_namespace]


@pytest.mark.parametrize("break_", BREAKS, ids=lambda each: each.__name__.strip("_"))
def test_what_is_broken_is_noticed_and_put_back(
    quarter: Quarter, sides: Sides, break_: Callable[[Quarter, str], None]
) -> None:
    left = sides.left
    unit = Unit(Kind.NETWORK, left.port.network_id)
    assert quarter.drift(unit) == []
    break_(quarter, dhcp_namespace(left.port.network_id))
    assert quarter.drift(unit) != []
    quarter.converge(left.port.network_id)
    assert quarter.drift(unit) == []
    eventually(lambda: left.get("/latest/meta-data/hostname") == (200, "left"), "an answer")


def test_behind_a_router_the_router_tells(quarter: Quarter, sides: Sides) -> None:
    left, right = sides.left, sides.right
    network = Unit(Kind.NETWORK, left.port.network_id)
    router = left.cloud.routers.create("gate")
    home = router_namespace(router.id)
    left.cloud.routers.add_subnet("gate", "inner")
    left.body.ip("route", "delete", ROUTE)
    eventually(lambda: left.get("/latest/meta-data/hostname")[0] == 200, "the router's answer")
    _reads_all_of_itself(left, "left")
    # It would find out by itself that another has the address now, half a minute later.
    left.body.ip("neighbour", "flush", "dev", left.body.interface)
    assert left.meta(left.url6)["name"] == "left"
    assert right.meta()["name"] == "right"
    # The network's own server is gone, and the way that DHCP told with it.
    assert _way(quarter, left) == ""
    assert quarter.lab.cloud.machine.metadata.facts(None).keys() == {
        home, dhcp_namespace(right.port.network_id),
    }  # fmt: skip
    # The gateway's own address tells nobody anything.
    assert left.get("/latest/meta-data/hostname", url=f"http://{GATEWAY}")[0] == 0
    _kill(quarter, home)
    assert quarter.drift(Unit(Kind.ROUTER, router.id)) == ["ServeMetadata"]
    left.cloud.context.converge("test", [Unit(Kind.ROUTER, router.id)])
    assert left.meta()["name"] == "left"
    left.cloud.routers.remove_subnet("gate", "inner")
    left.cloud.routers.delete("gate")
    assert quarter.drift(network) == []
    left.body.ip("route", "replace", ROUTE, "via", _way(quarter, left))
    assert left.meta()["name"] == "left"
