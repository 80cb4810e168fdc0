"""The order of change: shut before the flows come, and put right when they are lost."""

from __future__ import annotations

import secrets
import socket

from backends.drivers.ovs.steps import RemovePort
from tests.real.firewall import frames
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import SHORT, Station
from tests.real.lab import run


def _drop(site: Site, *match: str) -> None:
    run("ovs-ofctl", "-O", "OpenFlow14", "del-flows", site.cloud.settings.bridge, *match)


def _planned(site: Site) -> list[str]:
    return [step.text for step in site.cloud.drift.show().plan.steps]


def test_a_port_without_flows_is_shut_both_ways(site: Site) -> None:
    one = site.station("default")
    late = site.record("default")
    late.plug()
    assert not late.pings(one.v4, wait=SHORT)
    assert not one.pings(late.v4, wait=SHORT)
    site.converge()
    assert late.pings(one.v4)
    assert one.pings(late.v4)


def test_a_port_that_no_record_knows_is_shut(site: Site) -> None:
    one, two = site.station("default"), site.station("default")
    bridge, name = site.cloud.settings.bridge, f"st{secrets.token_hex(4)}"
    argv = ("ovs-vsctl", "add-port", bridge, name, "--", "set", "Interface", name, "type=internal")
    run(*argv)
    try:
        site.converge()
        run("ip", "link", "set", name, "up")
        frame = frames.udp((one.mac, one.v4, 5), (two.mac, two.v4, 5), b"of a stranger")
        wire = two.wire()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as stranger:
            stranger.bind((name, 0))
            stranger.send(frame)
        assert not wire.caught(lambda seen: seen == frame, wait=SHORT)
        one.wire().send(frame)
        assert wire.caught(lambda seen: seen == frame)
    finally:
        run("ovs-vsctl", "del-port", bridge, name)


def test_a_port_that_is_down_passes_nothing(site: Site) -> None:
    one, two = site.station("default"), site.station("default")
    assert one.pings(two.v4)
    site.cloud.ports.set(one.port.id, admin_state_up=False)
    assert not one.pings(two.v4, wait=SHORT)
    assert not two.pings(one.v4, wait=SHORT)
    site.cloud.ports.set(one.port.id, admin_state_up=True)
    assert one.pings(two.v4)


def test_lost_flows_are_noticed_and_written(site: Site) -> None:
    one, two = site.station("default"), site.station("default")
    for match in ((), ("table=72",), ("table=23",)):
        assert _planned(site) == []
        _drop(site, *match)
        assert len(_planned(site)) == 1, match
        site.cloud.drift.repair()
        assert one.pings(two.v4), match


def test_a_flow_that_somebody_added_is_noticed_and_swept(site: Site) -> None:
    site.station("default")
    bridge = site.cloud.settings.bridge
    run("ovs-ofctl", "-O", "OpenFlow14", "add-flow", bridge, "table=0,priority=9,actions=NORMAL")
    assert len(_planned(site)) == 1
    site.cloud.drift.repair()
    assert "NORMAL" not in run("ovs-ofctl", "-O", "OpenFlow14", "dump-flows", bridge)


def test_a_port_with_a_new_number_is_served_at_once(site: Site) -> None:
    one, two = site.station("default"), site.station("default")
    before = _number(two)
    two.unplug()
    site.cloud.machine.apply(RemovePort(two.port.interface), lambda share: None)
    two.plug()
    site.converge()
    assert _number(two) != before
    assert one.pings(two.v4)


def _number(station: Station) -> str:
    return run("ovs-vsctl", "get", "Interface", station.port.interface, "ofport").strip()
