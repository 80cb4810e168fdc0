"""Make a lost store again from the labels on the machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import Session, SQLModel

from backends.cloud import Access, Cloud, bridge_name, settings_of, store_url
from backends.drivers.facts import Facts
from backends.drivers.libvirt.facts import DomainFact, State
from backends.drivers.machine import Machine
from backends.drivers.qemu_img.config_drive import user_data
from backends.errors import Refused
from backends.hosts import LocalHost
from backends.records.host import CloudRecord, HostRecord
from backends.records.identity import DEFAULT_DOMAIN, Domain, Project, Role, RoleAssignment, User
from backends.records.instance import Power
from backends.records.store import Store, is_path
from backends.records.tables import (
    Address,
    Attachment,
    Flavor,
    FloatingIp,
    Image,
    Instance,
    LocalVlan,
    Network,
    Port,
    PortSecurityGroup,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Volume,
)
from backends.services.project import add_default_group
from backends.settings import Settings, check_cloud_name

Label = Mapping[str, Any]

_POWER = {
    State.RUNNING: Power.RUNNING,
    State.STOPPING: Power.RUNNING,
    State.CRASHED: Power.RUNNING,
    State.PAUSED: Power.PAUSED,
    State.SAVED: Power.SUSPENDED,
    State.SHUTOFF: Power.STOPPED,
}


@dataclass(slots=True)
class Report:
    """How many of each kind were made again, and what could not be."""

    made: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def count(self, kind: str) -> None:
        self.made[kind] = self.made.get(kind, 0) + 1


def rescue(access: Access) -> Report:
    """Read every label of the cloud and write the records that they carry.

    Running guests notice nothing. Users, their passwords, roles and key pairs are on no label:
    only the cloud's admin is there afterwards.
    Raises Refused `readonly`, `rescue.store_exists`, `rescue.nothing`.
    """
    access.check_writes("make a store")
    url = store_url(access)
    if is_path(url) and Path(url).exists():
        raise Refused(
            "rescue.store_exists", f"{url} is there; move it away first if it is to be made anew"
        )
    settings = settings_of(access, cloud_record(access))
    machine = Machine(settings, LocalHost(settings.host))
    try:
        facts = machine.look()
        if not (facts.labels or facts.domains or facts.volumes):
            raise Refused("rescue.nothing", f"nothing on this machine is labelled {access.cloud}")
        report = _write(access, machine, facts)
    finally:
        machine.close()
    cloud = Cloud.open(access)
    try:
        cloud.drift.repair()
    finally:
        cloud.close()
    return report


def cloud_record(access: Access) -> CloudRecord:
    """The cloud's own record from its label; from its name where even that is gone."""
    folder = access.state_root / check_cloud_name(access.cloud) / "labels" / "cloud"
    for path in sorted(folder.glob("*.json")):
        label = _parse(path.read_text(encoding="utf-8"))
        if "cloud" in label:
            return CloudRecord(**label["cloud"])
    return CloudRecord(name=access.cloud, bridge=bridge_name(access.cloud))


def _write(access: Access, machine: Machine, facts: Facts) -> Report:
    store = Store(store_url(access))
    try:
        store.prepare()
        with store.write() as session:
            rescuer = _Rescuer(session, machine, facts)
            rescuer.ground(cloud_record(access))
            rescuer.projects()
            rescuer.images()
            rescuer.networks()
            rescuer.ports()
            rescuer.routers()
            rescuer.floating_ips()
            rescuer.volumes()
            rescuer.instances()
            return rescuer.report
    finally:
        store.close()


class _Rescuer:
    """Writes rows in the order in which they refer to each other."""

    def __init__(self, session: Session, machine: Machine, facts: Facts) -> None:
        self.session = session
        self.machine = machine
        self.settings: Settings = machine.settings
        self.facts = facts
        self.report = Report()
        self.known: set[str] = set()

    def ground(self, record: CloudRecord) -> None:
        """The cloud, its host, domains, flavors, and its admin."""
        self.session.add(record)
        self.session.add(HostRecord(name=self.settings.host))
        label = next((label for _, label in self._labels("cloud")), {})
        domains = label.get("domains") or [{"id": DEFAULT_DOMAIN, "name": "Default"}]
        self._add_all(Domain, domains)
        self._add_all(Flavor, label.get("flavors", ()))

    def projects(self) -> None:
        """Projects with their security groups; then the admin, who works in the first of them."""
        for id_, label in self._labels("project"):
            self._add_all(Project, [label["project"]])
            self._add_all(SecurityGroup, label["groups"])
            self._add_all(SecurityGroupRule, label["rules"])
            self.known.add(id_)
            self.report.count("projects")
        home = self._project_named_admin()
        admin = User(name="admin", default_project_id=home)
        self.session.add(admin)
        self.session.flush()
        self.session.add(RoleAssignment(role=Role.ADMIN, user_id=admin.id))
        self.session.add(RoleAssignment(role=Role.ADMIN, user_id=admin.id, project_id=home))

    def images(self) -> None:
        """Images whose file is there; kernels and ramdisks first, as disks name them."""
        labels = [(id_, label["image"]) for id_, label in self._labels("image")]
        labels.sort(key=lambda pair: bool(pair[1].get("kernel_id") or pair[1].get("ramdisk_id")))
        for id_, values in labels:
            if id_ not in self.facts.images:
                self.report.lost.append(f"image {values['name']}: its file is gone")
                continue
            self._owner(values["project_id"])
            self._add_all(Image, [{**values, "imported": True}])
            self.known.add(id_)
            self.report.count("images")

    def networks(self) -> None:
        """Networks with their subnets and VLANs."""
        for id_, label in self._labels("network"):
            self._owner(label["network"]["project_id"])
            self._add_all(Network, [label["network"]])
            self._add_all(Subnet, label["subnets"])
            if label["vlan"]:
                vlan = LocalVlan(host=self.settings.host, vlan=label["vlan"], network_id=id_)
                self.session.add(vlan)
            self.known.add(id_)
            self.report.count("networks")

    def ports(self) -> None:
        """Ports with addresses and groups."""
        for id_, label in self._labels("port"):
            if label["port"]["network_id"] not in self.known:
                self.report.lost.append(f"port {id_}: its network is gone")
                continue
            self._owner(label["port"]["project_id"])
            self._add_all(Port, [label["port"]])
            for subnet_id, address in label["addresses"]:
                self.session.add(Address(subnet_id=subnet_id, address=address, port_id=id_))
            for group_id in label["groups"]:
                if self.session.get(SecurityGroup, group_id) is not None:
                    self.session.add(PortSecurityGroup(port_id=id_, group_id=group_id))
            self.session.flush()
            self.report.count("ports")

    def routers(self) -> None:
        """Routers; their interfaces are ports."""
        for id_, label in self._labels("router"):
            values = dict(label["router"])
            self._owner(values["project_id"])
            if values.get("external_network_id") not in self.known:
                values["external_network_id"] = None
            self._add_all(Router, [values])
            self.known.add(id_)
            self.report.count("routers")

    def floating_ips(self) -> None:
        """Floating IPs whose address is there, lent to whom they were."""
        for id_, label in self._labels("floatingip"):
            values = dict(label["floating_ip"])
            if self.session.get(Port, values["floating_port_id"]) is None:
                self.report.lost.append(f"floating IP {values['address']}: its port is gone")
                continue
            self._owner(values["project_id"])
            there = values.get("port_id") and self.session.get(Port, values["port_id"])
            if not there or values.get("router_id") not in self.known:
                values |= {"port_id": None, "fixed_address": None, "router_id": None}
            self._add_all(FloatingIp, [values])
            self.known.add(id_)
            self.report.count("floating IPs")

    def volumes(self) -> None:
        """Volumes, from their own tags or files."""
        for id_, fact in self.facts.volumes.items():
            label = _parse(fact.label)
            if "volume" not in label:
                self.report.lost.append(f"volume {id_}: its label is not readable")
                continue
            self._owner(label["volume"]["project_id"])
            self._add_all(Volume, [{**label["volume"], "made": True}])
            self.known.add(id_)
            self.report.count("volumes")

    def instances(self) -> None:
        """Instances, from their domains' metadata; what they do now is what they should do."""
        for fact in self.facts.domains.values():
            label = _parse(fact.label)
            if "instance" not in label:
                self.report.lost.append(f"instance {fact.name}: its metadata is not readable")
                continue
            self._instance(label, fact)
            self.report.count("instances")

    def _instance(self, label: Label, fact: DomainFact) -> None:
        values = dict(label["instance"])
        self._owner(values["project_id"])
        if values.get("image_id") not in self.known:
            values["image_id"] = None
        values |= {
            "power": _POWER[fact.state],
            "boots": fact.hard_reboots,
            "soft_reboots": fact.soft_reboots,
            "made": True,
            "user_data": user_data(self.machine.host, self.settings.instance(fact.id)),
        }
        self._add_all(Instance, [values])
        attachments = [a for a in label["attachments"] if a["volume_id"] in self.known]
        self._add_all(Attachment, attachments)

    def _owner(self, project_id: str) -> None:
        """A project whose own label is gone is made again under a name that says so."""
        if project_id in self.known:
            return
        self.session.add(Project(id=project_id, name=f"rescued-{project_id[:8]}"))
        self.session.flush()
        add_default_group(self.session, project_id)
        self.known.add(project_id)
        self.report.lost.append(f"project {project_id}: its label is gone, it has a new name")
        self.report.count("projects")

    def _project_named_admin(self) -> str:
        for id_, label in self._labels("project"):
            if label["project"]["name"] == "admin":
                return id_
        project = Project(name="admin")
        self.session.add(project)
        self.session.flush()
        add_default_group(self.session, project.id)
        self.known.add(project.id)
        return project.id

    def _labels(self, kind: str) -> Iterable[tuple[str, Label]]:
        for (found, id_), text in sorted(self.facts.labels.items()):
            label = _parse(text)
            if found == kind and label:
                yield id_, label

    def _add_all(self, table: type[SQLModel], rows: Iterable[Mapping[str, Any]]) -> None:
        for values in rows:
            self.session.add(table.model_validate(values))
        self.session.flush()


def _parse(text: str) -> Label:
    try:
        label = json.loads(text)
    except ValueError:
        return {}
    return label if isinstance(label, dict) else {}
