"""What the tests of the network drivers stand on, and that it is gone after each."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.drivers.dnsmasq.driver import DnsmasqDriver
from backends.drivers.dnsmasq.steps import StopDhcp
from backends.drivers.namespaces.driver import NamespaceDriver
from backends.drivers.namespaces.steps import RemoveNamespace
from backends.drivers.ovs.driver import OvsDriver
from backends.drivers.ovs.facts import CLOUD
from backends.drivers.ovs.steps import AddBridge, RemoveBridge, RemovePort, WriteFlows
from backends.hosts import LocalHost
from backends.settings import Settings, dhcp_namespace
from backends.traits import datapath
from tests.real.network_drivers.lab import (
    Lab,
    run,
)


@pytest.fixture
def settings() -> Iterator[Settings]:
    # dnsmasq gives up root: it must be able to reach its files, as below /var/lib.
    folder = Path(tempfile.mkdtemp(prefix="qd-net-"))
    folder.chmod(0o711)
    suffix = secrets.token_hex(2)
    yield Settings(
        f"t-{suffix}",
        folder / "state",
        folder / "run",
        os.uname().nodename,
        bridge=f"br-{suffix}",
        datapath=datapath(),
    )
    shutil.rmtree(folder)


@pytest.fixture
def empty(settings: Settings) -> Iterator[Lab]:
    """A cloud without a bridge."""
    host = LocalHost()
    lab = Lab(
        settings,
        OvsDriver(settings, host),
        NamespaceDriver(settings, host),
        DnsmasqDriver(settings, host),
    )
    yield lab
    lab.apply(*(StopDhcp(each) for each in lab.networks))
    facts = lab.ovs.facts()
    ours = settings.cloud
    lab.apply(*(RemovePort(p.name) for p in facts.ports.values() if p.labels.get(CLOUD) == ours))
    lab.apply(
        *(RemoveBridge(b.name) for b in facts.bridges.values() if b.labels.get(CLOUD) == ours)
    )
    lab.apply(*(RemoveNamespace(dhcp_namespace(each)) for each in lab.networks))
    assert lab.namespaces.facts([dhcp_namespace(each) for each in lab.networks]) == {}


@pytest.fixture
def lab(empty: Lab) -> Lab:
    """A cloud with its bridge, which switches as a plain one does."""
    settings = empty.settings
    add = AddBridge(settings.bridge, settings.datapath, ((CLOUD, settings.cloud),))
    empty.apply(add, WriteFlows(settings.bridge, 0x10, ("table=0,actions=NORMAL",)))
    return empty


@pytest.fixture
def stranger() -> Iterator[str]:
    """A bridge that somebody else made."""
    name = f"br-s{secrets.token_hex(2)}"
    run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, f"datapath_type={datapath()}")
    yield name
    run("ovs-vsctl", "--if-exists", "del-br", name)
