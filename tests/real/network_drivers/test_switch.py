"""Open vSwitch for real, on a bridge of the test's own."""

from __future__ import annotations

import secrets
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest

from backends.drivers.ovs.driver import OvsDriver
from backends.drivers.ovs.ovsdb import Json, Ovsdb
from backends.drivers.ovs.steps import AddBridge, AddPort, RemoveBridge, RemovePort, WriteFlows
from backends.drivers.ovs.watch import watch
from backends.drivers.step import Step
from backends.errors import MachineFailed, Refused
from backends.hosts import LocalHost
from tests.real.network_drivers.lab import (
    DEADLINE,
    Lab,
    eventually,
    own,
    pings,
    run,
    versions,
)


def test_ports_of_a_vlan_see_each_other_and_no_other(lab: Lab) -> None:
    first, tap, _ = lab.plug(11, "10.66.0.1/24")
    second, _, _ = lab.plug(11, "10.66.0.2/24")
    third, _, _ = lab.plug(12, "10.66.0.3/24")
    assert eventually(lambda: pings(first, "10.66.0.2"))
    assert pings(second, "10.66.0.1")
    assert not pings(first, "10.66.0.3")
    assert not pings(third, "10.66.0.1")
    lab.apply(replace_port(lab, tap, 12))
    assert eventually(lambda: pings(third, "10.66.0.1"))
    assert not pings(second, "10.66.0.1")


def replace_port(lab: Lab, name: str, vlan: int) -> AddPort:
    port = lab.ovs.facts().ports[name]
    return AddPort(port.bridge, name, vlan, tuple(port.labels.items()), internal=True)


def test_new_flows_replace_old_ones_and_cut_nothing(lab: Lab) -> None:
    bridge = lab.settings.bridge
    first, _, _ = lab.plug(41, "10.66.3.1/24")
    lab.plug(41, "10.66.3.2/24")
    assert eventually(lambda: pings(first, "10.66.3.2"))
    ping = subprocess.Popen(
        ["ip", "netns", "exec", first, "ping", "-i", "0.01", "-c", "200", "-q", "10.66.3.2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    run("ovs-ofctl", "-O", "OpenFlow14", "add-flow", bridge, "table=9,priority=3,actions=drop")
    for cookie in range(0x20, 0x28):
        flows = ("table=0,priority=1,actions=NORMAL", f"table=5,priority={cookie},actions=drop")
        lab.apply(WriteFlows(bridge, cookie, flows), WriteFlows(bridge, cookie, flows))
        assert lab.ovs.facts(flows=True).bridges[bridge].flows == cookie
    dump = run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", bridge)
    assert sorted(line.strip() for line in dump.splitlines()) == [
        "cookie=0x27, priority=1 actions=NORMAL",
        "cookie=0x27, table=23, priority=0 actions=drop",
        "cookie=0x27, table=5, priority=39 actions=drop",
    ]
    assert " 0% packet loss" in ping.communicate(timeout=60)[0]


def test_a_bad_flow_is_refused_whole(lab: Lab) -> None:
    bridge = lab.settings.bridge
    with pytest.raises(MachineFailed, match="FOO") as refused:
        lab.apply(WriteFlows(bridge, 0x11, ("table=1,actions=drop", "table=2,actions=FOO")))
    assert refused.value.code == "ovs.flows.refused"
    assert lab.ovs.facts(flows=True).bridges[bridge].flows == 0x10
    run("ovs-ofctl", "-O", "OpenFlow14", "del-flows", bridge)
    assert lab.ovs.facts(flows=True).bridges[bridge].flows == 0


def test_what_a_stranger_has_is_refused_and_unchanged(lab: Lab, stranger: str) -> None:
    theirs = f"tap{secrets.token_hex(4)}"
    run(
        "ovs-vsctl", "add-port", stranger, theirs, "--", "set", "interface", theirs, "type=internal"
    )
    before = run("ovs-vsctl", "list", "bridge", stranger) + run("ovs-vsctl", "list", "port", theirs)
    ours = lab.labels(str(uuid.uuid4()))
    steps: list[Step] = [
        AddBridge(stranger, lab.settings.datapath, ours),
        RemoveBridge(stranger),
        AddPort(stranger, f"tap{secrets.token_hex(4)}", 5, ours, internal=True),
        AddPort(lab.settings.bridge, theirs, 5, ours, internal=True),
        RemovePort(theirs),
        RemovePort(stranger),
        WriteFlows(stranger, 1, ("actions=drop",)),
    ]
    for step in steps:
        with pytest.raises(Refused) as refused:
            lab.apply(step)
        assert refused.value.code == "ovs.foreign", step
    after = run("ovs-vsctl", "list", "bridge", stranger) + run("ovs-vsctl", "list", "port", theirs)
    assert after == before


def test_a_strangers_port_on_our_bridge_keeps_the_bridge(lab: Lab) -> None:
    theirs = f"tap{secrets.token_hex(4)}"
    bridge = lab.settings.bridge
    run("ovs-vsctl", "add-port", bridge, theirs, "--", "set", "interface", theirs, "type=internal")
    with pytest.raises(Refused, match=theirs) as refused:
        lab.apply(RemoveBridge(bridge))
    assert refused.value.code == "ovs.foreign"
    run("ovs-vsctl", "del-port", theirs)


def test_what_libvirt_plugged_and_nobody_labelled_goes_with_the_bridge(lab: Lab) -> None:
    """libvirt may have been killed before its plug was labelled, and still have made it."""
    record, bridge = str(uuid.uuid4()), lab.settings.bridge
    name = f"tap{record[:11]}"
    plugged = f"external_ids={{iface-id={record},vm-id=v,iface-status=active}}"
    interface = ["--", "set", "interface", name, "type=internal", plugged]
    plug = ["ovs-vsctl", "add-port", bridge, name, *interface]
    run(*plug)
    lab.apply(RemovePort(name))
    assert name not in run("ovs-vsctl", "list-ports", bridge)
    run(*plug)
    lab.apply(RemoveBridge(bridge))
    assert bridge not in run("ovs-vsctl", "list-br")


def test_what_libvirt_plugged_is_taken_over(lab: Lab) -> None:
    record, name = str(uuid.uuid4()), f"tap{secrets.token_hex(4)}"
    bridge = lab.settings.bridge
    plugged = f"external_ids={{iface-id={record},vm-uuid=v,iface-status=active}}"
    port_row = ["--", "set", "interface", name, "type=internal", plugged]
    run("ovs-vsctl", "add-port", bridge, name, *port_row)
    with pytest.raises(Refused):
        lab.apply(AddPort(bridge, name, 7, lab.labels(str(uuid.uuid4())), internal=True))
    lab.apply(AddPort(bridge, name, 7, lab.labels(record), internal=True))
    port = lab.ovs.facts().ports[name]
    assert port.vlan == 7
    assert port.labels == {"vm-uuid": "v", "iface-status": "active", **dict(lab.labels(record))}
    lab.apply(RemovePort(name), RemovePort(name))
    assert name not in lab.ovs.facts().ports


def test_a_port_that_cannot_be_made_is_told(lab: Lab) -> None:
    with pytest.raises(MachineFailed) as failed:
        lab.apply(AddPort(lab.settings.bridge, "lo", 7, lab.labels("x"), internal=True))
    assert failed.value.code == "ovs.port.failed"
    with pytest.raises(MachineFailed) as missing:
        lab.apply(AddPort("br-none", "tapx", 7, lab.labels("x"), internal=True))
    assert missing.value.code == "ovs.bridge.missing"


def test_the_bridge_goes_with_its_ports_and_links(lab: Lab) -> None:
    _, tap, _ = lab.plug(51)
    name = f"tap{secrets.token_hex(4)}"
    lab.apply(AddPort(lab.settings.bridge, name, 51, lab.labels("r"), internal=True))
    assert (Path("/sys/class/net") / name).exists()
    lab.apply(RemoveBridge(lab.settings.bridge), RemoveBridge(lab.settings.bridge))
    facts = lab.ovs.facts(flows=True)
    assert lab.settings.bridge not in facts.bridges
    assert not {tap, name, lab.settings.bridge} & set(facts.ports)
    assert not (Path("/sys/class/net") / name).exists()


def test_a_read_only_driver_reads_and_changes_nothing(lab: Lab) -> None:
    host = LocalHost(read_only=True)
    ovs = OvsDriver(lab.settings, host)
    bridge = lab.settings.bridge
    assert own(ovs.facts(flows=True), bridge) == own(lab.ovs.facts(flows=True), bridge)
    before = versions(lab.settings.bridge)
    for step in (
        AddPort(lab.settings.bridge, "tapx", 1, (), internal=True),
        RemoveBridge(lab.settings.bridge),
        WriteFlows(lab.settings.bridge, 1, ()),
    ):
        with pytest.raises(Refused) as refused:
            ovs.apply(step, lambda share: None)
        assert refused.value.code == "host.readonly"
    assert versions(lab.settings.bridge) == before


def test_changes_are_told_as_they_happen(lab: Lab) -> None:
    seen: list[frozenset[str]] = []
    stop, ready = threading.Event(), threading.Event()

    def note(names: frozenset[str]) -> None:
        seen.append(names)
        ready.set()

    thread = threading.Thread(target=watch, args=(lab.settings, note, stop))
    thread.start()
    try:
        assert ready.wait(DEADLINE)
        assert seen[0] == frozenset()
        name = f"tap{secrets.token_hex(4)}"
        lab.apply(AddPort(lab.settings.bridge, name, 61, lab.labels("r"), internal=True))
        assert eventually(lambda: any(name in names for names in seen))
        seen.clear()
        lab.apply(RemovePort(name))
        assert eventually(lambda: any(name in names for names in seen))
    finally:
        stop.set()
        thread.join(DEADLINE)
    assert not thread.is_alive()


def test_facts_of_a_thousand_ports_are_quick(lab: Lab) -> None:
    record = lab.labels("r")
    bulk = [f"b{secrets.token_hex(4)}{each:04d}" for each in range(1000)]
    labels = ["map", [list(pair) for pair in record]]
    operations: list[Json] = []
    for index, name in enumerate(bulk):
        interface, port = f"i{index}", f"p{index}"
        operations += [
            {"op": "insert", "table": "Interface", "uuid-name": interface,
             "row": {"name": name, "external_ids": labels}},
            {"op": "insert", "table": "Port", "uuid-name": port,
             "row": {"name": name, "tag": 9, "interfaces": ["named-uuid", interface]}},
        ]  # fmt: skip
    ports = ["set", [["named-uuid", f"p{index}"] for index in range(1000)]]
    operations.append(
        {"op": "mutate", "table": "Bridge", "where": [["name", "==", lab.settings.bridge]],
         "mutations": [["ports", "insert", ports]]}
    )  # fmt: skip
    Ovsdb().transact(operations)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        facts = lab.ovs.facts()
        took.append(time.perf_counter() - start)
    assert sum(port.vlan == 9 for port in facts.ports.values()) >= 1000
    assert min(took) < 0.2, took
    lab.apply(RemoveBridge(lab.settings.bridge))
