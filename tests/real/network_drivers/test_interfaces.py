"""Namespaces and the interfaces in them, for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.drivers.namespaces.facts import Interface
from backends.drivers.namespaces.steps import AddNamespace, SetInterface
from backends.drivers.ovs.facts import CLOUD
from backends.drivers.ovs.steps import AddBridge, AddPort
from backends.errors import MachineFailed
from backends.settings import dhcp_namespace
from tests.real.network_drivers.lab import (
    Lab,
    own,
    run,
    versions,
)


def test_facts_tell_what_was_made_and_a_second_time_changes_nothing(lab: Lab) -> None:
    bridge = lab.settings.bridge
    namespace, tap, mac = lab.plug(21, "10.66.1.1/24")
    facts = lab.ovs.facts(flows=True)
    assert facts.bridges[bridge].flows == 0x10
    assert facts.bridges[bridge].fail_mode == "secure"
    assert facts.bridges[bridge].datapath == lab.settings.datapath
    port = facts.ports[tap]
    assert (port.bridge, port.vlan, port.internal, port.error) == (bridge, 21, True, "")
    assert port.ofport > 0
    assert port.labels[CLOUD] == lab.settings.cloud
    found = lab.namespaces.facts([namespace, "qdhcp-none"])[namespace]
    assert found.interface(tap) == Interface(tap, mac, 1450, True, frozenset({"10.66.1.1/24"}))

    before = versions(bridge)
    lab.apply(
        AddBridge(bridge, lab.settings.datapath, ((CLOUD, lab.settings.cloud),)),
        AddNamespace(namespace),
        AddPort(bridge, tap, 21, tuple(port.labels.items()), internal=True, mac=mac, mtu=1450),
        SetInterface(namespace, tap, mac, 1450, frozenset({"10.66.1.1/24"}), checksums=False),
    )
    assert own(lab.ovs.facts(flows=True), bridge) == own(facts, bridge)
    assert lab.namespaces.facts([namespace])[namespace] == found
    assert versions(bridge) == before


def test_an_interface_has_exactly_the_wanted_addresses_and_no_offload(lab: Lab) -> None:
    namespace, tap, mac = lab.plug(31, "10.66.2.1/24")
    inside = ["ip", "netns", "exec", namespace]
    run(*inside, "ip", "address", "add", "10.66.2.9/24", "dev", tap)
    wanted = frozenset({"10.66.2.2/24", "fd00:66::2/64", "169.254.169.254/32"})
    lab.apply(SetInterface(namespace, tap, mac, 1400, wanted, checksums=False))
    assert lab.namespaces.facts([namespace])[namespace].interface(tap) == Interface(
        tap, mac, 1400, True, wanted
    )
    assert "tx-checksumming: off" in run(*inside, "ethtool", "-k", tap)
    sysctl = run(*inside, "cat", f"/proc/sys/net/ipv6/conf/{tap}/accept_ra")
    assert sysctl.strip() == "0"
    shown = json.loads(run(*inside, "ip", "-j", "address", "show", "dev", tap))
    assert not any(each.get("tentative") for each in shown[0]["addr_info"])


def test_a_namespace_half_made_is_made_whole(empty: Lab) -> None:
    name = dhcp_namespace(empty.network())
    leftover = Path("/var/run/netns") / name
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch(mode=0)
    assert empty.namespaces.facts([name]) == {}
    empty.apply(AddNamespace(name))
    lo = empty.namespaces.facts([name])[name].interface("lo")
    assert lo is not None
    assert lo.up
    with pytest.raises(MachineFailed) as missing:
        empty.apply(SetInterface(name, "nosuch0", "fa:16:3e:00:00:01", 1450, frozenset()))
    assert missing.value.code == "namespace.interface.missing"
