"""The same on the command line, as whole processes; and a switch whose datapath is the kernel's."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from socket import AF_INET
from typing import Any

from backends.cloud import Cloud
from backends.drivers.conntrack import ending, reading
from backends.drivers.conntrack.connection import Connection
from backends.plan.firewall.zones import zone
from backends.records import snapshot
from tests.real.inspection.test_kernel import make
from tests.real.routing.conftest import Street
from tests.real.routing.town import PORT


def qd(street: Street, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [str(Path(sys.executable).with_name("qd")), "--cloud", street.town.lab.name, *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def listed(street: Street, *words: str) -> Any:
    done = qd(street, *words, "-f", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_flows_are_listed_and_explained(street: Street) -> None:
    rows = listed(street, "flow", "list", "--table", "82", "--port", "first")
    assert rows
    assert {row["Table"] for row in rows} == {82}
    assert {row["Owner"] for row in rows} == {"first"}
    one = next(row for row in rows if row["Priority"] == 77)
    said = listed(street, "flow", "explain", one["ID"])
    assert said["role"] == "what the groups let a port receive"
    assert said["rules"][0].startswith("default: ")
    rates = listed(street, "flow", "list", "--table", "94", "--seconds", "0.2", "--busiest")
    assert "Packets/s" in rates[0]
    assert qd(street, "flow", "explain", "zz").returncode == 1


def test_connections_are_listed_counted_and_ended(street: Street) -> None:
    talk = street.first.connect(street.outside.address, PORT)
    try:
        name = f"qrouter-{street.router.id}"
        rows = listed(street, "connection", "list", "--namespace", name, "--long")
        row = next(each for each in rows if each["State"] == "ESTABLISHED")
        assert row["Place"] == "router gate"
        assert "SNAT" in row["NAT"]
        counts = listed(street, "connection", "list", "--count-by", "state")
        assert "tcp ESTABLISHED" in [each["State"] for each in counts]
        tried = qd(street, "connection", "delete", row["ID"], "--dry-run")
        assert "end the connection from" in tried.stdout
        assert row["ID"] in [each["ID"] for each in listed(street, "connection", "list")]
        done = qd(street, "connection", "delete", row["ID"])
        assert done.returncode == 0, done.stderr
        assert row["ID"] not in [each["ID"] for each in listed(street, "connection", "list")]
        again = qd(street, "connection", "delete", row["ID"])
        assert (again.returncode, "connection.not_found" in again.stderr) == (1, True)
    finally:
        talk.close()


def test_zones_of_a_kernel_switch_are_read_from_the_host(street: Street) -> None:
    cloud = street.town.lab.open()
    cloud.machine.settings = replace(cloud.machine.settings, datapath="system")
    number = zone_of(cloud, "inner")
    first, second = street.first.address, street.second.address
    entry = Connection(AF_INET, 6, (first, second, second, first), (7, 8, 8, 7), number, 0, 0xE)
    make("", replace(entry, state=3))
    try:
        (found,) = cloud.connections.list(namespace="switch").page()
        assert (found.source.title, found.destination.title) == ("first", "second")
        assert len(cloud.connections.list(network="inner", zone=number)) == 1
        cloud.connections.end(found.id)
        assert len(cloud.connections.list(namespace="switch")) == 0
    finally:
        for row in reading.read(zone=number).rows():
            ending.end(row)


def zone_of(cloud: Cloud, network: str) -> int:
    with cloud.context.reading() as session:
        records = snapshot.read(session, cloud.settings.host)
    return zone(cloud.settings, records.vlans[cloud.networks.show(network).id])
