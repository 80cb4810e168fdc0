"""A cloud of a test's own on the real switch, and what the tests ask of the machine."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backends.drivers.dnsmasq.driver import DnsmasqDriver
from backends.drivers.namespaces.driver import NamespaceDriver
from backends.drivers.namespaces.steps import AddNamespace, SetInterface
from backends.drivers.ovs.driver import OvsDriver
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, KIND, RECORD, OvsFacts
from backends.drivers.ovs.steps import AddPort
from backends.drivers.step import Step
from backends.settings import Settings, dhcp_namespace

DEADLINE = 20.0


def run(*argv: str, check: bool = True) -> str:
    """What a command of the machine prints."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and is not yet reaped has no command line."""
    cmdline = Path(f"/proc/{pid}/cmdline")
    return cmdline.exists() and cmdline.read_bytes() != b""


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


@dataclass
class Lab:
    """A cloud of its own, its drivers, and what is to be taken away by name at the end."""

    settings: Settings
    ovs: OvsDriver
    namespaces: NamespaceDriver
    dnsmasq: DnsmasqDriver
    networks: list[str] = field(default_factory=list)

    def apply(self, *steps: Step) -> None:
        for step in steps:
            driver = next(
                each
                for each in (self.ovs, self.namespaces, self.dnsmasq)
                if isinstance(step, each.handles)
            )
            driver.apply(step, lambda share: None)

    def labels(self, record: str) -> tuple[tuple[str, str], ...]:
        return ((CLOUD, self.settings.cloud), (KIND, "port"), (RECORD, record), (IFACE_ID, record))

    def network(self) -> str:
        """The id of a new network, whose namespace goes at the end."""
        self.networks.append(str(uuid.uuid4()))
        return self.networks[-1]

    def plug(self, vlan: int, address: str = "", *, network: str = "") -> tuple[str, str, str]:
        """An internal port in a namespace of its own: (namespace, interface, MAC)."""
        namespace = dhcp_namespace(network or self.network())
        record = str(uuid.uuid4())
        mac = "fa:16:3e:" + ":".join(secrets.token_hex(1) for _ in range(3))
        name = f"tap{record[:11]}"
        self.apply(
            AddNamespace(namespace),
            AddPort(
                self.settings.bridge,
                name,
                vlan,
                self.labels(record),
                internal=True,
                mac=mac,
                mtu=1450,
            ),
            SetInterface(
                namespace,
                name,
                mac,
                1450,
                frozenset([address] if address else []),
                checksums=False,
            ),
        )
        return namespace, name, mac


def pings(namespace: str, address: str) -> bool:
    return succeeds("ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "1", "-q", address)


def own(facts: OvsFacts, bridge: str) -> OvsFacts:
    """What is about one bridge: others come and go meanwhile."""
    return OvsFacts(
        {name: each for name, each in facts.bridges.items() if name == bridge},
        {name: each for name, each in facts.ports.items() if each.bridge == bridge},
    )


def versions(bridge: str) -> str:
    """Of a bridge's row and of its ports' (RFC 7047, 3.2): each write makes new ones."""
    named = [bridge, *run("ovs-vsctl", "list-ports", bridge).split()]
    select: list[object] = [
        {"op": "select", "table": table, "where": [["name", "==", name]], "columns": ["_version"]}
        for name in named
        for table in ("Bridge", "Port")
    ]
    return run("ovsdb-client", "transact", json.dumps(["Open_vSwitch", *select]))
