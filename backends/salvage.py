"""Make records again from the labels on the machine: each with what it stands on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from backends.drivers.facts import Facts
from backends.drivers.libvirt.facts import DomainFact, State
from backends.drivers.machine import Machine
from backends.drivers.qemu_img.config_drive import user_data
from backends.plan.firewall.zones import last_vlan
from backends.records.identity import Domain, Project
from backends.records.instance import Power
from backends.records.network import OWNER_DHCP
from backends.records.tables import (
    Address,
    AddressGroup,
    Attachment,
    FloatingIp,
    Image,
    Instance,
    LocalVlan,
    Network,
    Port,
    PortSecurityGroup,
    QosPolicy,
    QosRule,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    StoragePool,
    Subnet,
    SubnetPool,
    Subport,
    Trunk,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
    VolumeType,
)
from backends.services.project import add_default_group

Label = Mapping[str, Any]
# A thing by its label's kind and its id.
Key = tuple[str, str]

_POWER = {
    State.RUNNING: Power.RUNNING,
    State.STOPPING: Power.RUNNING,
    State.CRASHED: Power.RUNNING,
    State.PAUSED: Power.PAUSED,
    State.SAVED: Power.SUSPENDED,
    State.SHUTOFF: Power.STOPPED,
}
_TABLES: dict[str, type[SQLModel]] = {
    "project": Project,
    "image": Image,
    "network": Network,
    "port": Port,
    "router": Router,
    "floatingip": FloatingIp,
    "pool": StoragePool,
    "volume": Volume,
    "snapshot": VolumeSnapshot,
    "backup": VolumeBackup,
    "instance": Instance,
}
_PLURALS = {kind: f"{kind}s" for kind in _TABLES} | {"floatingip": "floating IPs"}


@dataclass(slots=True)
class Report:
    """How many of each kind were made again, and what could not be."""

    made: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    things: list[Key] = field(default_factory=list)


class Salvage:
    """Writes rows into a session's transaction, those first that others refer to."""

    def __init__(self, session: Session, machine: Machine, facts: Facts) -> None:
        self.session = session
        self.machine = machine
        self.settings = machine.settings
        self.facts = facts
        self.report = Report()
        self._tried: set[Key] = set()

    def recorded(self, kind: str, id_: str | None) -> bool:
        """Whether there is a record of it now."""
        return bool(id_) and self.session.get(_TABLES[kind], id_) is not None

    def make(self, kind: str, id_: str | None) -> bool:
        """Make its record again, and those of what it stands on; whether there is one then."""
        if not id_:
            return False
        if not self.recorded(kind, id_) and (kind, id_) not in self._tried:
            self._tried.add((kind, id_))
            if getattr(self, f"_{kind}")(id_):
                self.report.made[_PLURALS[kind]] = self.report.made.get(_PLURALS[kind], 0) + 1
                self.report.things.append((kind, id_))
        return self.recorded(kind, id_)

    def labels(self, kind: str) -> Iterator[tuple[str, Label]]:
        """The ids and labels of a kind that has label files."""
        for (found, id_), text in sorted(self.facts.labels.items()):
            label = parse(text)
            if found == kind and label:
                yield id_, label

    def owner(self, project_id: str) -> None:
        """A project whose own label is gone is made again under a name that says so."""
        if self.make("project", project_id):
            return
        self.session.add(Project(id=project_id, name=f"rescued-{project_id[:8]}"))
        self.session.flush()
        add_default_group(self.session, project_id)
        self.report.lost.append(f"project {project_id}: its label is gone, it has a new name")
        self.report.made["projects"] = self.report.made.get("projects", 0) + 1
        self.report.things.append(("project", project_id))

    def add(self, table: type[SQLModel], rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows as labels have them."""
        for values in rows:
            self.session.add(table.model_validate(values))
        self.session.flush()

    def _label(self, kind: str, id_: str) -> Label:
        return parse(self.facts.labels.get((kind, id_), ""))

    # One method a kind: writes its rows, or says why it cannot and gives False.

    def _project(self, id_: str) -> bool:
        label = self._label("project", id_)
        if not label:
            return False
        values = dict(label["project"])
        domain = values.get("domain_id")
        if domain and self.session.get(Domain, domain) is None:
            self.session.add(Domain(id=domain, name=f"rescued-{domain[:8]}"))
        same = select(Project).where(
            Project.name == values["name"], Project.domain_id == values["domain_id"]
        )
        if self.session.exec(same).first() is not None:
            self.report.lost.append(f"project {id_}: another is called {values['name']} by now")
            values["name"] = f"rescued-{id_[:8]}"
        self.add(Project, [values])
        self.add(SecurityGroup, label["groups"])
        self.add(QosPolicy, label.get("qos_policies", ()))
        self.add(QosRule, label.get("qos_rules", ()))
        self.add(AddressGroup, label.get("address_groups", ()))
        self.add(SubnetPool, label.get("subnet_pools", ()))
        self.add(SecurityGroupRule, self._whole(label["rules"]))
        return True

    def _whole(self, rules: Iterable[Label]) -> Iterator[Label]:
        """The rules whose remote group is there."""
        for rule in rules:
            remote = rule.get("remote_group_id")
            if not remote or self.session.get(SecurityGroup, remote) is not None:
                yield rule

    def _image(self, id_: str) -> bool:
        label = self._label("image", id_)
        if not label:
            return False
        values = dict(label["image"])
        if id_ not in self.facts.images:
            self.report.lost.append(f"image {values['name']}: its file is gone")
            return False
        self.owner(values["project_id"])
        for part in ("kernel_id", "ramdisk_id"):
            if not self.make("image", values.get(part)):
                values[part] = None
        self.add(Image, [{**values, "imported": True}])
        return True

    def _network(self, id_: str) -> bool:
        label = self._label("network", id_)
        if not label:
            return False
        self.owner(label["network"]["project_id"])
        self.add(Network, [self._with_policy(label["network"])])
        self.add(Subnet, map(self._of_known_pool, label["subnets"]))
        if label["vlan"]:
            self._vlan(id_, label["vlan"])
        served = (key for key, port in self.labels("port") if _serves(port["port"], id_))
        for port_id in list(served):
            self.make("port", port_id)
        return True

    def _of_known_pool(self, subnet: Label) -> Label:
        """A subnet of a pool that is not there any more is one of no pool."""
        pool = subnet.get("subnetpool_id")
        known = bool(pool) and self.session.get(SubnetPool, pool) is not None
        return subnet if known else {**subnet, "subnetpool_id": None}

    def _vlan(self, id_: str, vlan: int) -> None:
        """Its old VLAN, or a free one where another network has it by now."""
        host = self.settings.host
        rows = self.session.exec(select(LocalVlan.vlan).where(col(LocalVlan.host) == host))
        taken = set(rows)
        vlans = range(1, last_vlan(self.settings) + 1)
        fits = vlan in vlans and vlan not in taken
        free = vlan if fits else next(each for each in vlans if each not in taken)
        self.add(LocalVlan, [{"host": host, "vlan": free, "network_id": id_}])

    def _port(self, id_: str) -> bool:
        label = self._label("port", id_)
        if not label:
            return False
        values = label["port"]
        if not self.make("network", values["network_id"]):
            self.report.lost.append(f"port {id_}: its network is gone")
            return False
        self.owner(values["project_id"])
        self.add(Port, [self._with_policy(values)])
        for subnet_id, address in label["addresses"]:
            if self.session.get(Subnet, subnet_id) is None:
                continue
            if self.session.get(Address, (subnet_id, address)) is not None:
                self.report.lost.append(f"port {id_}: another port has {address} by now")
                continue
            self.session.add(Address(subnet_id=subnet_id, address=address, port_id=id_))
        for group_id in label["groups"]:
            if self.session.get(SecurityGroup, group_id) is not None:
                self.session.add(PortSecurityGroup(port_id=id_, group_id=group_id))
        self.session.flush()
        self._trunk(label)
        self._device(values["device_id"])
        return True

    def _trunk(self, label: Label) -> None:
        """The trunk whose parent a port is, with those of its subports that are there."""
        if "trunk" not in label:
            return
        self.add(Trunk, [label["trunk"]])
        there = [each for each in label["subports"] if self.make("port", each["port_id"])]
        self.add(Subport, there)

    def _with_policy(self, values: Label) -> Label:
        """Without its QoS policy, where that is gone with its project."""
        policy = values.get("qos_policy_id")
        gone = policy and self.session.get(QosPolicy, policy) is None
        return {**values, "qos_policy_id": None} if gone else values

    def _device(self, id_: str) -> None:
        """What a port is plugged into, where the machine has it."""
        if id_ in self.facts.domains:
            self.make("instance", id_)
        elif ("router", id_) in self.facts.labels:
            self.make("router", id_)

    def _router(self, id_: str) -> bool:
        label = self._label("router", id_)
        if not label:
            return False
        values = dict(label["router"])
        self.owner(values["project_id"])
        if not self.make("network", values.get("external_network_id")):
            values["external_network_id"] = None
        self.add(Router, [values])
        self._plugs(id_)
        return True

    def _plugs(self, device: str) -> None:
        """The ports of a device."""
        found = [id_ for id_, label in self.labels("port") if label["port"]["device_id"] == device]
        for id_ in found:
            self.make("port", id_)

    def _floatingip(self, id_: str) -> bool:
        label = self._label("floatingip", id_)
        if not label:
            return False
        values = dict(label["floating_ip"])
        if not self.make("port", values["floating_port_id"]):
            self.report.lost.append(f"floating IP {values['address']}: its port is gone")
            return False
        self.owner(values["project_id"])
        router, port = values.get("router_id"), values.get("port_id")
        if not (self.make("router", router) and self.make("port", port)):
            values |= {"port_id": None, "fixed_address": None, "router_id": None}
        self.add(FloatingIp, [values])
        return True

    def _volume(self, id_: str) -> bool:
        fact = self.facts.volumes.get(id_)
        label = parse(fact.label) if fact else {}
        if "volume" not in label:
            self.report.lost.append(f"volume {id_}: its label is not readable")
            return False
        values = dict(label["volume"])
        self.owner(values["project_id"])
        if not values.get("type_id") or self.session.get(VolumeType, values["type_id"]) is None:
            values["type_id"] = None
        # Groups are records alone.
        self.add(Volume, [{**values, "group_id": None, "made": True}])
        return True

    def _pool(self, id_: str) -> bool:
        label = self._label("pool", id_)
        if not label:
            return False
        self.add(StoragePool, [label["pool"]])
        return True

    def _snapshot(self, id_: str) -> bool:
        fact = self.facts.snapshots.get(id_)
        values = dict((parse(fact.label) if fact else {}).get("snapshot") or {})
        if not values or not self.make("volume", values["volume_id"]):
            self.report.lost.append(f"snapshot {id_}: its volume or its label is gone")
            return False
        self.owner(values["project_id"])
        self.add(VolumeSnapshot, [{**values, "group_snapshot_id": None, "made": True}])
        return True

    def _backup(self, id_: str) -> bool:
        values = dict(self._label("backup", id_).get("backup") or {})
        parent = values.get("parent_id")
        whole = id_ in self.facts.backups and (not parent or self.make("backup", parent))
        if not values or not whole:
            self.report.lost.append(f"backup {id_}: what it consists of is gone")
            return False
        self.owner(values["project_id"])
        self.add(VolumeBackup, [{**values, "made": True}])
        return True

    def _instance(self, id_: str) -> bool:
        fact = self.facts.domains.get(id_)
        # A shelved one has no domain, and a label like other things'.
        label = parse(fact.label) if fact else self._label("instance", id_)
        if "instance" not in label:
            name = fact.name if fact else id_
            self.report.lost.append(f"instance {name}: its metadata is not readable")
            return False
        values = dict(label["instance"])
        self.owner(values["project_id"])
        for name in ("image_id", "base_id", "leaving_id"):
            if not self.make("image", values.get(name)):
                values[name] = None
        values |= _power_of(fact) | {
            "made": True,
            "user_data": self._user_data(id_),
        }
        self.add(Instance, [values])
        self._plugs(id_)
        held = [each for each in label["attachments"] if self.make("volume", each["volume_id"])]
        self.add(Attachment, (each for each in held if self._is_free(each["volume_id"])))
        return True

    def _user_data(self, id_: str) -> str | None:
        """As its config drive has it; else as the metadata server of its network tells it."""
        found = user_data(self.machine.host, self.settings.instance(id_))
        return self.machine.metadata.user_data(id_) if found is None else found

    def _is_free(self, volume_id: str) -> bool:
        query = select(Attachment).where(Attachment.volume_id == volume_id)
        return self.session.exec(query).first() is None


def _power_of(fact: DomainFact | None) -> dict[str, Any]:
    """What it does now, which is what it should do."""
    if fact is None:
        return {"power": Power.STOPPED}
    return {
        "power": _POWER[fact.state],
        "boots": fact.hard_reboots,
        "soft_reboots": fact.soft_reboots,
        "launches": fact.launches,
    }


def parse(text: str) -> Label:
    """A label's object; an empty one where it is not readable."""
    try:
        label = json.loads(text)
    except ValueError:
        return {}
    return label if isinstance(label, dict) else {}


def _serves(port: Label, network_id: str) -> bool:
    """Whether a port is of the network itself, and of no device that has a record of its own."""
    mine = port["network_id"] == network_id
    return mine and (not port["device_id"] or port["device_owner"] == OWNER_DHCP)
