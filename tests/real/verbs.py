"""Every verb of every service by introspection, and arguments that it can be called with."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.cloud import Cloud
from backends.services.backup import NewBackup
from backends.services.base import Service
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.services.pool import NewPool
from backends.services.qos import NewQosRule
from backends.services.security_group import NewRule
from backends.services.trunk import NewSubport
from backends.services.volume import NewVolume
from tests.real.lab import FLAVOR, IMAGE, Lab, run

# Verbs that only look. Every other one changes something, and is refused where nothing may be.
LOOKS = frozenset(
    {
        "list", "show", "row", "recorded", "console_log", "members", "rules", "subnet", "subnets",
        "project", "projects", "user", "users", "groups", "domains", "assignments", "of_instance",
        "of_instances", "counters", "names", "bridges", "rows", "orphans",
        "attachments", "qos_list", "qos_show", "snapshots", "show_snapshot", "rule",
        "memberships", "content", "tree",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """One public method of one service."""

    service: str
    name: str
    parameters: tuple[inspect.Parameter, ...]

    def __str__(self) -> str:
        return f"{self.service}.{self.name}"

    @property
    def looks(self) -> bool:
        """Whether it only looks."""
        return self.name in LOOKS

    def call(self, cloud: Cloud, **changed: Any) -> object:
        """Call it on the furnished cloud, with these arguments instead of the usual ones."""
        plain: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name not in changed and parameter.default is not parameter.empty:
                continue
            value = changed.get(parameter.name, usual(self, parameter.name))
            if parameter.kind is parameter.VAR_POSITIONAL:
                plain.append(value)
            else:
                named[parameter.name] = value
        return self.method(cloud)(*plain, **named)

    def method(self, cloud: Cloud) -> Callable[..., object]:
        return getattr(getattr(cloud, self.service), self.name)  # type: ignore[no-any-return]


def verbs() -> Iterator[Verb]:
    """All of them. Those that take a session are parts of others' transactions, not verbs."""
    for service, prop in sorted(vars(Cloud).items()):
        kind = _service(prop)
        for name, method in inspect.getmembers(kind, inspect.isfunction) if kind else ():
            parameters = tuple(inspect.signature(method).parameters.values())[1:]
            if not name.startswith("_") and "session" not in [each.name for each in parameters]:
                yield Verb(service, name, parameters)


def _service(prop: Any) -> type[Service] | None:
    """The class behind one of Cloud's properties, which import it when they are used."""
    made = getattr(prop, "func", None)
    if made is None:
        return None
    # Making a service does nothing but keep what it is given.
    service = made(_Nobody())
    return type(service) if isinstance(service, Service) else None


class _Nobody:
    context = None


def furnish(lab: Lab, folder: Path) -> Cloud:
    """A project `ships` with one of everything; gives it as its member sees it."""
    ships = lab.member("ships")
    lab.cloud.identity.create_user("eye", password="a long password", project="ships")
    lab.cloud.identity.assign("reader", user="eye", project="ships")
    lab.cloud.identity.create_domain("sea")
    lab.cloud.identity.create_group("crew")
    lab.cloud.identity.create_project("docks")
    ships.keypairs.create("key")
    lab.network(ships, "net", "172.16.9.0/28")
    ships.ports.create("net", "plug")
    ships.ports.create("net", "stem")
    ships.trunks.create("stack", "stem")
    lab.cloud.qos.create("slow", shared=True)
    ships.security_groups.create("web")
    ships.volumes.create("cargo", 1)
    ships.volumes.create("ballast", 1)
    lab.cloud.volume_types.create("plain")
    ships.volumes.create("hold", 1)
    ships.snapshots.create("hold", "then")
    ships.backups.create(NewBackup("hold", "kept"))
    ships.volume_groups.create("fleet")
    spare = folder / "spare.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", spare, "1M")
    ships.images.create("spare", str(spare))
    ships.routers.create("gate")
    ships.subnet_pools.create("ranges", ["10.70.0.0/16"], default_length=24)
    ships.address_groups.create("offices", ["10.71.0.0/24"])
    instance = lab.launch(ships, "anchor", "net")
    ships.volumes.attach("ballast", "anchor")
    lab.guest(instance)
    SOURCES["source"] = str(spare)
    return ships


SOURCES: dict[str, str] = {}
_REFS = {
    "flavors": FLAVOR, "images": "spare", "instances": "anchor", "keypairs": "key",
    "hosts": os.uname().nodename,
    "networks": "net", "ports": "plug", "routers": "gate", "security_groups": "web",
    "address_groups": "offices", "subnet_pools": "ranges",
    "qos": "slow", "trunks": "stack", "volumes": "cargo",
    "backups": "kept", "pools": "default", "snapshots": "then", "volume_groups": "fleet",
    "volume_types": "plain",
}  # fmt: skip
_IDENTITY = {"domain": "sea", "group": "crew", "project": "docks", "user": "eye"}
_USUAL: dict[str, Any] = {
    "domain": "sea", "group": "crew", "project": "docks", "user": "eye", "role": "member",
    "member": True, "membership": "accepted",
    "ram": 64, "size": 1, "volume": "cargo", "instance": "anchor",
    "network": "net", "limits": {"volumes": 3}, "listings": (), "units": (), "id_": "0" * 36,
    "rule_id": "0" * 36, "policy": "slow", "port": "plug", "parent": "plug",
    "subports": (NewSubport("plug", 5),), "address": "172.16.9.9", "prefixes": ("10.72.0.0/16",),
}  # fmt: skip
# For what has no value of its own here.
_ANY = "anchor"
_BY_KIND = {"str": _ANY, "str | None": _ANY, "int": 1, "bool": True, "Sequence[str]": (_ANY,)}
_NEW = {
    "instances": NewInstance("new", FLAVOR, IMAGE, (Plug(network="net"),)),
    "networks": NewSubnet("net", "172.16.10.0/28", name="new"),
    "backups": NewBackup("cargo", "new"),
    "pools": NewPool("new", place="/srv/new"),
    "volumes": NewVolume("new", 1),
    "qos": NewQosRule("slow", "bandwidth_limit", max_kbps=100),
    "security_groups": NewRule("web", protocol="tcp", port_min=22, port_max=22),
}


def usual(verb: Verb, parameter: str) -> Any:
    """What the verb is called with. A new verb's new parameter has to be given its value here."""
    if parameter in ("ref", "refs"):
        if verb.name.endswith("subnet"):
            return "net"
        what = verb.name.rpartition("_")[2]
        return _IDENTITY[what] if verb.service == "identity" else _REFS.get(verb.service, _ANY)
    if parameter == "name":
        return "key" if verb.service == "keypairs" and verb.name != "create" else "new"
    if parameter == "new":
        return _NEW[verb.service]
    if parameter == "source":
        return SOURCES["source"]
    if parameter in _USUAL:
        return _USUAL[parameter]
    kind = next(each.annotation for each in verb.parameters if each.name == parameter)
    assert kind in _BY_KIND, f"tests/real/verbs.py has no value for {parameter} of {verb}"
    return _BY_KIND[kind]
