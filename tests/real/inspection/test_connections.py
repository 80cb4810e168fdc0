"""Connections of real packets: found wherever they are kept, told whose they are, ended."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from backends.cloud import Cloud
from backends.drivers.conntrack import reading
from backends.drivers.conntrack.table import Connections
from backends.errors import NotFound, Refused
from backends.inspect.connections import Joined
from backends.services import connection_following
from backends.settings import router_namespace
from tests.real.lab import eventually
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT

LONG = 10.0


def tcp(cloud: Cloud, namespace: str, source: str) -> list[Joined]:
    """Open TCP connections that began at an address."""
    page = cloud.connections.list(namespace=namespace).page(0, 1000)
    return [
        each
        for each in page
        if each.protocol == "tcp"
        and each.state == "ESTABLISHED"
        and each.connection.addresses[0] == source
    ]


def test_a_connection_inside_is_in_its_networks_zone(street: Street) -> None:
    cloud, second = street.town.cloud, street.second.address
    talk = street.first.connect(second, PORT)
    try:
        (found,) = tcp(cloud, "switch", street.first.address)
        assert (found.source.title, found.destination.title) == ("first", "second")
        assert found.network is not None
        assert found.network.name == "inner"
        assert found.connection.addresses[1] == second
        assert found.destination.port == PORT
        assert found.via == ""
        zone = found.connection.zone
        by_zone = cloud.connections.list(zone=zone)
        assert len(by_zone) >= 1
        assert {each.connection.zone for each in by_zone.page()} == {zone}
        assert len(cloud.connections.list(network="inner")) >= len(by_zone)
        assert "inner" in [each.what for each in by_zone.by_zone()]
        assert any(each.what == "tcp ESTABLISHED" for each in by_zone.by_state())
    finally:
        talk.close()


def test_nat_is_shown_both_ways(street: Street) -> None:
    town, outside = street.town, street.outside.address
    gate = router_namespace(street.router.id)
    gateway = town.gateway_of(street.router)
    talk = street.first.connect(outside, PORT)
    try:
        (out,) = tcp(town.cloud, gate, street.first.address)
        assert out.place.title == "router gate"
        assert f"→ {gateway}:" in out.via
        assert "(SNAT)" in out.via
        assert out.floating == ""
    finally:
        talk.close()
    floating = town.cloud.floating_ips.create("public", port="second")
    talk = street.outside.connect(floating.address, PORT)
    try:
        (came,) = tcp(town.cloud, gate, outside)
        inner = street.second.address
        assert came.via == f"to {floating.address}:{PORT} → {inner}:{PORT} (DNAT)"
        assert came.destination.title == "second"
        assert came.floating == floating.address
        assert came.project_id == floating.project_id
    finally:
        talk.close()
        town.cloud.floating_ips.delete(floating.address)


@pytest.mark.parametrize("slow", [False, True])
def test_what_happens_is_told_at_once(
    street: Street, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """`slow`: of a table that takes long to read, what happened is enough."""
    cloud, outside = street.town.cloud, street.outside.address
    gate = router_namespace(street.router.id)
    # Whichever the machine is.
    monkeypatch.setattr(connection_following, "_SLOW", -1.0 if slow else 1e9)
    if slow:
        monkeypatch.setattr(connection_following, "_WORTH", 1e9)
    heard = threading.Event()
    following = connection_following.Following(cloud.context, heard.set)

    def found() -> set[str]:
        page = following.list(namespace=gate).page(0, 1000)
        return {each.id for each in page if each.state == "ESTABLISHED"}

    before = found()
    reads: list[str] = []
    real = reading.read

    def read(namespace: str = "", **more: Any) -> Connections:
        reads.append(namespace)
        return real(namespace, **more)

    monkeypatch.setattr(reading, "read", read)
    talk = street.first.connect(outside, PORT)
    try:
        eventually(heard.is_set, "an event")
        eventually(lambda: found() - before, "the new connection")
        (new,) = found() - before
        heard.clear()
        cloud.connections.end(new)
        asked = len(reads)
        eventually(lambda: new not in found(), "the end of it")
        assert heard.wait(LONG)
        assert (len(reads) == asked) is slow
    finally:
        talk.close()
        following.close()


def test_one_is_ended_and_no_other(street: Street) -> None:
    cloud, outside = street.town.cloud, street.outside.address
    gate = router_namespace(street.router.id)
    talks = [street.first.connect(outside, PORT) for _ in range(2)]
    try:
        found = tcp(cloud, gate, street.first.address)
        cut, kept = found[-2:]
        plan = cloud.preview(lambda: cloud.connections.end(cut.id))
        assert [step.text for step in plan.steps] == [
            f"end the connection from {street.first.address} to {outside} in {gate}"
        ]
        assert cut.id in [each.id for each in tcp(cloud, gate, street.first.address)]
        cloud.connections.end(cut.id)
        left = [each.id for each in tcp(cloud, gate, street.first.address)]
        assert cut.id not in left
        assert kept.id in left
        assert cloud.operations.list(limit=1)[0].verb == "connection.end"
        with pytest.raises(NotFound):
            cloud.connections.end(cut.id)
    finally:
        for talk in talks:
            talk.close()


def test_one_of_the_switch_is_ended(street: Street) -> None:
    cloud, second = street.town.cloud, street.second.address
    talk = street.first.connect(second, PORT)
    try:
        found = tcp(cloud, "switch", street.first.address)[-1]
        cloud.connections.end(found.id)
        assert found.id not in [each.id for each in tcp(cloud, "switch", street.first.address)]
    finally:
        talk.close()


def test_a_stranger_sees_and_ends_nothing(street: Street, stranger: Cloud) -> None:
    talk = street.first.connect(street.second.address, PORT)
    try:
        found = tcp(street.town.cloud, "switch", street.first.address)[-1]
        assert len(stranger.connections.list()) == 0
        with pytest.raises(NotFound):
            stranger.connections.list(network="inner")
        with pytest.raises(NotFound):
            stranger.connections.end(found.id)
    finally:
        talk.close()


def test_what_is_no_id_is_refused(street: Street) -> None:
    for text in ("", "switch", "switch/0/tcp/a,1,b,2/0", "host/0/tcp/1.1.1.1,1,2.2.2.2,x/0"):
        with pytest.raises(Refused, match="names no connection"):
            street.town.cloud.connections.end(text)
