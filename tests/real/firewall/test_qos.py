"""Bandwidth limits and marks, told by what is counted and caught, never by the clock.

A limit here is so low that what is sent in a burst takes minutes to pass it: what arrives is what
the burst lets through, however slow the machine is.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from backends.drivers.ovs.meters import MeterCounts, read_meter_counts
from backends.services.qos import NewQosRule
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import SHORT, Station
from tests.real.lab import eventually, run

SENT, SIZE = 60, 1000
SLOW = {"max_kbps": 8, "max_burst_kbits": 80}
# What passes at once: ten of a thousand bytes and their headers, and what a second more lets by.
FEW = 20


@pytest.fixture
def policy(site: Site) -> Iterator[str]:
    name = f"q{secrets.token_hex(3)}"
    site.cloud.qos.create(name)
    yield name
    for station in site.stations:
        site.cloud.ports.set(station.port.id, qos_policy="")
    site.cloud.networks.set(site.network, qos_policy="")
    site.cloud.qos.delete(name)


@pytest.fixture
def pair(site: Site) -> tuple[Station, Station]:
    return site.station(), site.station()


def limit(site: Site, policy: str, direction: str) -> str:
    return site.cloud.qos.add_rule(NewQosRule(policy, "bandwidth_limit", direction, **SLOW)).id


def arrived(source: Station, target: Station, version: int = 4) -> int:
    """How many of `SENT` datagrams arrive; the first contact was made before."""
    assert source.pings(target.address(version))
    there, here = target.datagrams(version, 7), source.datagrams(version)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    for _ in range(SENT):
        here.sendto(bytes(SIZE), (target.address(version), 7))
    count = 0
    there.settimeout(SHORT)
    with suppress(TimeoutError):
        while True:
            there.recv(SIZE)
            count += 1
    there.close()
    here.close()
    return count


def counted(site: Site) -> MeterCounts:
    """What the one meter that there is has counted."""
    (found,) = read_meter_counts(site.cloud.settings.bridge, site.cloud.settings.ovs_run).values()
    return found


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("direction", ["egress", "ingress"])
def test_a_limit_drops_what_is_above_it_in_its_direction(
    site: Site, policy: str, pair: tuple[Station, Station], direction: str, version: int
) -> None:
    one, two = pair
    assert arrived(one, two, version) == SENT
    limit(site, policy, direction)
    port = one if direction == "egress" else two
    site.cloud.ports.set(port.port.id, qos_policy=policy)
    came = arrived(one, two, version)
    assert 0 < came <= FEW
    drops = counted(site)
    assert drops.dropped_packets >= SENT - came
    assert drops.dropped_octets > drops.dropped_packets * SIZE * 9 // 10
    # A ratio, no time: the other way everything passes, on the same port.
    site.cloud.ports.set(port.port.id, qos_policy="")
    assert arrived(one, two, version) == SENT
    assert run("ovs-ofctl", "-O", "OpenFlow14", "dump-meters", site.cloud.settings.bridge).count(
        "meter="
    ) == 0  # fmt: skip


def test_the_other_direction_is_not_limited(
    site: Site, policy: str, pair: tuple[Station, Station]
) -> None:
    one, two = pair
    limit(site, policy, "egress")
    site.cloud.ports.set(two.port.id, qos_policy=policy)
    assert arrived(one, two) == SENT
    assert arrived(two, one) <= FEW


def test_a_new_rate_cuts_nothing(site: Site, policy: str, pair: tuple[Station, Station]) -> None:
    """The meter changes alone: the flows, with their counters, and open connections stay."""
    one, two = pair
    rule = limit(site, policy, "egress")
    site.cloud.ports.set(one.port.id, qos_policy=policy)
    server = two.listen(4, 80)
    client = one.connect(two, 4, 80)
    assert client is not None
    accepted, _ = server.accept()
    flows = _flows(site)
    site.cloud.qos.set_rule(policy, rule, max_kbps=1_000_000, max_burst_kbits=800_000)
    assert _flows(site) == flows
    client.sendall(b"still here")
    assert accepted.recv(16) == b"still here"
    assert arrived(one, two) == SENT
    assert counted(site).packets > SENT
    site.cloud.qos.set_rule(policy, rule, max_kbps=8, max_burst_kbits=80)
    assert _flows(site) == flows
    assert arrived(one, two) <= FEW
    assert not site.cloud.drift.show().plan


def test_a_network_s_policy_is_for_ports_without_their_own(
    site: Site, policy: str, pair: tuple[Station, Station]
) -> None:
    one, two = pair
    cloud = site.cloud
    limit(site, policy, "egress")
    cloud.networks.set(site.network, qos_policy=policy)
    assert arrived(one, two) <= FEW
    own = f"q{secrets.token_hex(3)}"
    cloud.qos.create(own)
    cloud.ports.set(one.port.id, qos_policy=own)
    assert arrived(one, two) == SENT
    assert arrived(two, one) <= FEW
    cloud.ports.set(one.port.id, qos_policy="")
    cloud.qos.delete(own)


def test_flows_and_meters_that_are_lost_come_back(
    site: Site, policy: str, pair: tuple[Station, Station]
) -> None:
    one, two = pair
    limit(site, policy, "egress")
    site.cloud.ports.set(one.port.id, qos_policy=policy)
    run("ovs-ofctl", "-O", "OpenFlow14", "del-meters", site.cloud.settings.bridge)
    site.converge()
    assert arrived(one, two) <= FEW
    assert not site.cloud.drift.show().plan


@pytest.mark.parametrize("version", [4, 6])
def test_packets_are_marked_where_a_rule_says_so(
    site: Site, policy: str, pair: tuple[Station, Station], version: int
) -> None:
    one, two = pair
    assert one.pings(two.address(version))
    # What the guest itself marks stays, until a rule says otherwise.
    assert _mark(one, two, version, own=10) == 10
    site.cloud.qos.add_rule(NewQosRule(policy, "dscp_marking", dscp_mark=46))
    site.cloud.ports.set(one.port.id, qos_policy=policy)
    assert _mark(one, two, version, own=0) == 46
    assert _mark(one, two, version, own=10) == 46
    assert _mark(two, one, version, own=0) == 0
    (rule,) = site.cloud.qos.show(policy).rules
    site.cloud.qos.set_rule(policy, rule.id, dscp_mark=8)
    assert _mark(one, two, version, own=0) == 8
    assert arrived(one, two, version) == SENT


def _mark(source: Station, target: Station, version: int, *, own: int) -> int:
    """The DSCP (RFC 2474) with which a datagram is caught at its receiver."""
    token = secrets.token_bytes(8)
    here = source.datagrams(version)
    if version == 6:
        here.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, own << 2)
    else:
        here.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, own << 2)
    found: list[int] = []

    def seen(frame: bytes) -> bool:
        if token not in frame:
            return False
        second = int.from_bytes(frame[14:16])
        found.append(second >> 6 & 0x3F if version == 6 else second >> 2 & 0x3F)
        return True

    there = target.datagrams(version, 9)
    wire = target.wire()
    here.sendto(token, (target.address(version), 9))
    eventually(lambda: wire.caught(seen), "the datagram")
    there.close()
    here.close()
    return found[0]


def _flows(site: Site) -> set[str]:
    """All flows without what changes by itself."""
    dump = run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows",
               site.cloud.settings.bridge)  # fmt: skip
    return set(dump.splitlines()[1:])
