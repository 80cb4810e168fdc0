"""The host as the way out: what it forwards, and what of itself it does not show to guests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.real.lab import run
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT
from tests.real.stand_in import StandIn


@pytest.fixture
def beyond(street: Street) -> Iterator[StandIn]:
    """A machine behind another interface of the host, that knows nothing of the external range."""
    token = street.town.token
    host, guest = f"vh{token}", f"vg{token}"
    run("ip", "link", "add", host, "type", "veth", "peer", "name", guest)
    run("ip", "address", "add", "198.19.77.1/30", "dev", host)
    run("ip", "link", "set", host, "up")
    found = StandIn(f"q{token}-beyond", guest)
    found.settle("198.19.77.2/30")
    found.serve(PORT)
    yield found
    found.close()


def test_beyond_the_host_all_come_as_the_host(street: Street, beyond: StandIn) -> None:
    assert street.first.reaches(beyond.address, PORT) == "198.19.77.1"
    assert street.first.pings(beyond.address)


@pytest.fixture
def service() -> Iterator[int]:
    """A service of the host that listens everywhere; its port."""
    with socket.create_server(("", 0)) as listener:
        listener.settimeout(0.2)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    talk, _ = listener.accept()
                except TimeoutError:
                    continue
                with talk:
                    talk.sendall(b"from host\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        thread.join()


def test_guests_reach_no_service_of_the_host(street: Street, service: int) -> None:
    host = f"{street.town.outer}.1"
    with socket.create_connection(("127.0.0.1", service), 2) as own:
        assert own.recv(20) == b"from host\n"
    others = [
        word.partition("/")[0]
        for word in run("ip", "-4", "-o", "address").split()
        if word.count(".") == 3 and "/" in word and not word.startswith("127.")
    ]
    for address in {host, *others}:
        assert not street.first.reaches(address, service, timeout=1.0), address
        assert not street.outside.reaches(address, service, timeout=1.0), address
    assert street.first.pings(host)


def test_a_service_that_is_opened_is_reached(street: Street, service: int) -> None:
    networks, host = street.town.cloud.networks, f"{street.town.outer}.1"
    networks.set("public", host_services=[f"tcp:{service}"])
    assert street.first.reaches(host, service) == "host"
    networks.set("public", host_services=[])
    assert not street.first.reaches(host, service, timeout=1.0)


def test_the_host_reaches_a_guest_by_its_floating_address(street: Street) -> None:
    floats = street.town.cloud.floating_ips
    row = floats.create("public", port="first")
    street.first.serve(PORT)
    try:
        with socket.create_connection((row.address, PORT), 3) as talk:
            assert talk.recv(40) == f"from {street.town.outer}.1\n".encode()
    finally:
        floats.delete(row.address)


def test_tables_of_others_are_left_alone(street: Street) -> None:
    run("nft", "add", "table", "inet", f"stranger-{street.town.token}")
    try:
        cloud = street.town.cloud
        run("nft", "delete", "table", "inet", cloud.settings.host_table)
        cloud.drift.repair()
        tables = run("nft", "list", "tables")
        assert f"stranger-{street.town.token}" in tables
        assert cloud.settings.host_table in tables
    finally:
        run("nft", "delete", "table", "inet", f"stranger-{street.town.token}")
