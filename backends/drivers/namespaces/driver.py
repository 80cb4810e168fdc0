"""Applies the steps of network namespaces and reads their facts, by ip(8)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from backends.drivers.namespaces.facts import Interface, Namespace
from backends.drivers.namespaces.routing import (
    HOST_SYSCTLS,
    ROUTER_SYSCTLS,
    Route,
    route_commands,
    routes_of,
    sysctls_of,
)
from backends.drivers.namespaces.steps import (
    AddNamespace,
    RemoveNamespace,
    SetInterface,
    SetRoutes,
    SetSysctls,
)
from backends.drivers.step import Progress, Step
from backends.errors import MachineFailed, Refused
from backends.hosts import Host
from backends.settings import METADATA_ADDRESS6, Settings

# Where ip-netns(8) keeps the names.
NAMES = Path("/var/run/netns")
_ROUTER = "qrouter-"
_OURS = re.compile(r"(qdhcp|qrouter)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Link-local addresses that no kernel makes itself.
_GIVEN = (METADATA_ADDRESS6,)
# Looks at once: each is a process that does little but start.
_LOOKS = 4


class NamespaceDriver:
    """Named network namespaces and the interfaces in them."""

    handles: tuple[type, ...] = (
        AddNamespace,
        RemoveNamespace,
        SetInterface,
        SetRoutes,
        SetSysctls,
    )

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host

    def facts(self, names: Collection[str]) -> Mapping[str, Namespace]:
        """Those of `names` that are there. One that was half made counts as not there."""
        there = sorted(set(names).intersection(self._host.list_dir(NAMES)))
        if not there:
            return {}
        with ThreadPoolExecutor(min(_LOOKS, len(there))) as pool:
            found = pool.map(self._look, there)
        return {each.name: each for each in found if each is not None}

    def host(self) -> Namespace:
        """The host's own: the cloud's external bridge, if it is there, and whether it forwards."""
        argv = ["ip", "-j", "address", "show", "dev", self._settings.external_bridge]
        done = self._host.run(argv, reads=True, check=False)
        links = json.loads(done.stdout or "[]") if done.status == 0 else []
        interfaces = tuple(_interface(link) for link in links if link)
        return Namespace("", interfaces, sysctls=self._sysctls("", HOST_SYSCTLS))

    def holder(self, address: str) -> Interface | None:
        """The host's interface that has this address and is up."""
        done = self._host.run(["ip", "-j", "address", "show", "up"], reads=True)
        links = (_interface(link) for link in json.loads(done.stdout or "[]") if link)
        wanted = ip_address(address)
        for each in links:
            if any(ip_interface(held).ip == wanted for held in each.addresses):
                return each
        return None

    def host_routes(self) -> Collection[str]:
        """The destinations that the host has routes to, but not by the cloud's external bridge."""
        found = set()
        for version in (4, 6):
            done = self._host.run(["ip", f"-{version}", "-j", "route"], reads=True, check=False)
            for each in json.loads(done.stdout or "[]"):
                if each.get("dev") != self._settings.external_bridge and each["dst"] != "default":
                    found.add(each["dst"])
        return found

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step.

        Raises Refused `namespace.foreign`, `host.readonly`; MachineFailed `host.command.failed`,
        `namespace.missing`, `namespace.interface.missing`, `namespace.interface.failed`.
        """
        match step:
            case AddNamespace():
                self._add(step.name)
            case RemoveNamespace():
                self._remove(step.name)
            case SetInterface():
                self._set_interface(step)
            case SetRoutes():
                _must_be_ours(step.namespace)
                lines = route_commands(self._routes(step.namespace), step.routes)
                self._batch(step.namespace, "routes", lines)
            case SetSysctls():
                if step.namespace:
                    _must_be_ours(step.namespace)
                values = [f"{key}={value}" for key, value in step.values]
                self._host.run(inside(step.namespace, "sysctl", "-e", "-q", "-w", *values))
            case _:
                raise TypeError(f"not a step of namespaces: {step!r}")

    def _look(self, name: str) -> Namespace | None:
        done = self._host.run(["ip", "-n", name, "-j", "address"], reads=True, check=False)
        if done.status != 0:
            return None
        links = json.loads(done.stdout or "[]")
        interfaces = tuple(_interface(link) for link in links if link)
        if not name.startswith(_ROUTER):
            return Namespace(name, interfaces)
        return Namespace(name, interfaces, self._routes(name), self._sysctls(name, ROUTER_SYSCTLS))

    def _routes(self, name: str) -> frozenset[Route]:
        found: set[Route] = set()
        for version in (4, 6):
            argv = ["ip", "-n", name, f"-{version}", "-j", "route"]
            done = self._host.run(argv, reads=True, check=False)
            found.update(routes_of(done.stdout, version))
        return frozenset(found)

    def _sysctls(self, name: str, wanted: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        argv = inside(name, "sysctl", "-e", *(key for key, _ in wanted))
        return sysctls_of(self._host.run(argv, reads=True, check=False).stdout)

    def _add(self, name: str) -> None:
        _must_be_ours(name)
        if self._look(name) is None:
            # A name without a namespace behind it is left when its maker is killed half way.
            self._remove(name)
            self._host.run(["ip", "netns", "add", name])
        self._host.run(["ip", "-n", name, "link", "set", "dev", "lo", "up"])

    def _remove(self, name: str) -> None:
        _must_be_ours(name)
        if name in self._host.list_dir(NAMES):
            self._host.run(["ip", "netns", "delete", name])

    def _set_interface(self, step: SetInterface) -> None:
        if step.namespace or step.name != self._settings.external_bridge:
            _must_be_ours(step.namespace)
        found = self._bring_in(step) if step.namespace else self._on_host(step)
        self._keep_quiet(step)
        self._batch(step.namespace, step.name, commands(step, found))
        if not step.checksums:
            self._inside(step, "ethtool", "-K", step.name, "tx", "off")

    def _batch(self, namespace: str, what: str, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        where = ["-n", namespace] if namespace else []
        done = self._host.run(["ip", *where, "-batch", "-"], stdin=text, check=False)
        if done.status != 0:
            # ip's last line only counts the line of the batch; its first one says what is wrong.
            reason = (done.stderr.strip().splitlines() or ["no message"])[0]
            raise MachineFailed("namespace.interface.failed", f"{what}: {reason}")

    def _on_host(self, step: SetInterface) -> Interface:
        found = self.host().interface(step.name)
        if found is None:
            raise MachineFailed("namespace.interface.missing", f"there is no interface {step.name}")
        return found

    def _bring_in(self, step: SetInterface) -> Interface:
        """The interface as it is in its namespace, to which it is moved where it is not yet.

        One that the switch left behind there has its name, and makes room.
        """
        namespace = self._look(step.namespace)
        if namespace is None:
            raise MachineFailed("namespace.missing", f"there is no namespace {step.namespace}")
        found = namespace.interface(step.name)
        if found is not None and found.attached:
            return found
        if found is not None:
            self._host.run(["ip", "-n", step.namespace, "link", "delete", "dev", step.name])
        move = ["ip", "link", "set", "dev", step.name, "netns", step.namespace]
        done = self._host.run(move, check=False)
        namespace = self._look(step.namespace)
        found = namespace.interface(step.name) if namespace else None
        if found is None:
            raise MachineFailed(
                "namespace.interface.missing",
                f"{step.name} cannot be moved to {step.namespace}: {done.stderr.strip()}",
            )
        return found

    def _keep_quiet(self, step: SetInterface) -> None:
        """Only recorded addresses: none by router advertisement, and none that waits for DAD.

        And a primary IPv4 address that is deleted shall not take the others of its subnet along.
        """
        values: tuple[str, ...] = (
            f"net/ipv6/conf/{step.name}/accept_ra=0",
            f"net/ipv6/conf/{step.name}/autoconf=0",
            f"net/ipv6/conf/{step.name}/accept_dad=0",
            f"net/ipv4/conf/{step.name}/promote_secondaries=1",
        )
        if step.announce:
            values += (f"net/ipv4/conf/{step.name}/arp_notify=1",)
        # A host may have no IPv6; sysctl's -e passes over what is not there.
        self._inside(step, "sysctl", "-e", "-q", "-w", *values)

    def _inside(self, step: SetInterface, *argv: str) -> None:
        self._host.run(inside(step.namespace, *argv))


def inside(namespace: str, *argv: str) -> list[str]:
    """The command as it is run inside a namespace; "" is the host's own."""
    return ["ip", "netns", "exec", namespace, *argv] if namespace else list(argv)


def is_ours(namespace: str) -> bool:
    """Whether the name is one that we give: a kind and a recorded id."""
    return _OURS.fullmatch(namespace) is not None


def commands(step: SetInterface, found: Interface) -> Iterable[str]:
    """The lines of an ip(8) batch that make of `found` what the step wants. Pure."""
    wanted = {str(ip_interface(each)) for each in step.addresses}
    for address in sorted(found.addresses - wanted):
        yield f"address delete {address} dev {step.name}"
    if step.mac and found.mac != step.mac:
        yield f"link set dev {step.name} address {step.mac}"
    yield f"link set dev {step.name} mtu {step.mtu} up"
    for address in sorted(wanted):
        yield f"address replace {address} dev {step.name}{_extra(address)}"
    if step.announce:
        # With arp_notify, a MAC that is set has the kernel tell the neighbours (ip-sysctl).
        yield f"link set dev {step.name} address {step.mac or found.mac}"


def _extra(address: str) -> str:
    """IPv6: usable at once. IPv4: with the broadcast address, where the subnet has room for one."""
    network = ip_interface(address).network
    if network.version == 6:
        return " nodad"
    return " broadcast +" if network.prefixlen < 31 else ""


def _interface(link: dict[str, Any]) -> Interface:
    """An interface off `ip -j address`."""
    addresses = {
        f"{each['local']}/{each['prefixlen']}"
        for each in link.get("addr_info", ())
        if "local" in each
        and (each["family"] == "inet" or each["scope"] != "link" or each["local"] in _GIVEN)
    }
    return Interface(
        link["ifname"],
        link.get("address", ""),
        link["mtu"],
        "UP" in link["flags"],
        frozenset(addresses),
        # What is down has no carrier, and says nothing.
        "LOWER_UP" in link["flags"] or "UP" not in link["flags"],
    )


def _must_be_ours(name: str) -> None:
    """A namespace carries no label but its name: a kind and a recorded id."""
    if not is_ours(name):
        raise Refused("namespace.foreign", f"namespace {name} is not Quarterdeck's; left alone")
