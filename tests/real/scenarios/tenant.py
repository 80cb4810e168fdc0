"""A project with a way out, and its servers, which are logged in to from this host."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.cloud import Cloud
from backends.records.tables import Instance, Port, Router
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.services.security_group import NewRule
from tests.real.lab import FLAVOR, IMAGE, eventually, run
from tests.real.routing.town import Town

# Seconds: a login needs some on an emulated guest; a ping that is let through needs milliseconds.
_LOGIN, _PING = 60, 1
_TRIES = 30


@dataclass(frozen=True)
class Key:
    """A key pair: who logs in with it is whom it was given to."""

    name: str
    private: Path

    @classmethod
    def make(cls, cloud: Cloud, name: str, folder: Path) -> Key:
        path = folder / name
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
        cloud.keypairs.create(name, path.with_suffix(".pub").read_text())
        return cls(name, path)

    def attempt(self, address: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the guest that answers at the address."""
        options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                   f"ConnectTimeout={_LOGIN // 2}", "LogLevel=ERROR")  # fmt: skip
        argv = ["ssh", "-i", str(self.private), *(w for each in options for w in ("-o", each))]
        return subprocess.run(
            [*argv, f"root@{address}", command],
            capture_output=True, text=True, timeout=_LOGIN, check=False,
        )  # fmt: skip

    def opens(self, address: str) -> bool:
        return self.attempt(address, "true").returncode == 0


@dataclass
class Server:
    """A running server, known outside by its floating address, where it has one."""

    instance: Instance
    port: Port
    address: str
    key: Key
    floating: str = ""

    def run(self, command: str) -> str:
        """What a command prints in it; it must succeed."""
        done = self.key.attempt(self.floating, command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def pings(self, address: str) -> bool:
        """Whether one ping is answered; for what should not be."""
        return self._pings(address, 1)

    def reaches(self, address: str) -> bool:
        """Whether it gets an answer from there, however busy the machine is."""
        return self._pings(address, _TRIES)

    def _pings(self, address: str, tries: int) -> bool:
        ping = f"ping -c 1 -W {_PING} {address} >/dev/null"
        command = f"for i in $(seq {tries}); do {ping} && echo yes && exit; done; echo no"
        return self.run(command) == "yes"


def answers(address: str) -> bool:
    """Whether one ping of this host comes back; for what should not."""
    argv = ("ping", "-c", "1", "-W", str(_PING), "-q", address)
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def reached(address: str) -> bool:
    """Whether this host gets an answer from there, however busy it is."""
    return any(answers(address) for _ in range(_TRIES))


class Tenant:
    """One project's networks, router, keys and servers."""

    def __init__(self, town: Town, name: str, folder: Path) -> None:
        self.town = town
        self.name = name
        self.cloud = town.lab.member(name)
        self._folder = folder

    def network(self, name: str, cidr: str, *, gateway: str = "auto", dns: str = "") -> None:
        servers = (dns,) if dns else ()
        self.cloud.networks.create(name)
        subnet = NewSubnet(name, cidr, name=name, gateway=gateway, dns=servers)
        self.cloud.networks.create_subnet(subnet)

    def router(self, name: str, *subnets: str) -> Router:
        return self.town.router(self.cloud, name, *subnets)

    def group(self, name: str, *rules: NewRule) -> str:
        """A group of these rules alone inwards; everything may leave."""
        self.cloud.security_groups.create(name)
        for rule in rules:
            self.cloud.security_groups.add_rule(rule)
        return name

    def boot(
        self, name: str, network: str = "", *, groups: Sequence[str] | None = None, port: str = "",
    ) -> Server:  # fmt: skip
        """A server with a key of its own, once it has its address."""
        key = Key.make(self.cloud, f"{self.name}-{name}", self._folder)
        plug = Plug(port=port) if port else Plug(network=network)
        chosen = None if groups is None else tuple(groups)
        new = NewInstance(name, FLAVOR, IMAGE, (plug,), groups=chosen, key=key.name)
        instance = self.cloud.instances.create(new)
        (view,) = self.cloud.ports.list(device=instance.id)
        address = self.town.lab.guest(instance).ready()
        assert address in [held for _, held in view.addresses]
        return Server(instance, view.port, address, key)

    def lend(self, server: Server) -> None:
        """A floating address for the server, which then answers to it."""
        server.floating = self.cloud.floating_ips.create("public", port=server.port.id).address
        eventually(lambda: server.key.opens(server.floating), "a login by the floating address")

    def own_addresses(self, network: str) -> Collection[str]:
        """Those of the network's router and DHCP server."""
        views = self.cloud.ports.list(network=network)
        ours = [each for each in views if each.port.device_owner.startswith("network:")]
        return [address for view in ours for _, address in view.addresses]


def icmp(group: str, **more: str) -> NewRule:
    return NewRule(group, protocol="icmp", **more)


def ssh(group: str) -> NewRule:
    return NewRule(group, protocol="tcp", port_min=22, port_max=22)
