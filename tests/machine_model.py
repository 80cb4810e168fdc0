"""A machine in a few dictionaries: what each step does to the facts, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from backends.drivers.dnsmasq.facts import Dhcp
from backends.drivers.dnsmasq.steps import ServeDhcp, StopDhcp, digest
from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.libvirt import steps as libvirt
from backends.drivers.libvirt.facts import DomainFact, Reason, State
from backends.drivers.namespaces.facts import Namespace
from backends.drivers.namespaces.steps import AddNamespace, RemoveNamespace
from backends.drivers.ovs.facts import OvsBridge, OvsFacts, OvsPort
from backends.drivers.ovs.steps import (
    AddBridge,
    AddPatch,
    AddPort,
    AddTunnel,
    ForgetConnections,
    RemoveBridge,
    RemovePort,
    WriteFlows,
    WriteFlowSets,
)
from backends.drivers.qemu_img.facts import ImageFile, InstanceFiles
from backends.drivers.qemu_img.steps import (
    CopyDisk,
    CreateConfigDrive,
    CreateOverlay,
    ImportImage,
    RemoveDisk,
    RemoveImage,
    RemoveInstanceFiles,
)
from backends.drivers.step import Step
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.steps import CreateVolume, ExtendVolume, LabelVolume, RemoveVolume
from backends.plan.converge import plan, record_of
from backends.plan.plan import FollowGuest, Plan, UnitPlan
from backends.records.instance import Power
from backends.records.network import Port
from backends.records.snapshot import Records
from backends.records.tables import Image, Instance, Volume
from backends.records.unit import Kind
from backends.settings import Settings
from tests.routing_model import RoutingModel


class Model:
    """Facts that steps change as the real drivers do."""

    def __init__(self) -> None:
        self.bridges: dict[str, OvsBridge] = {}
        self.sizes: dict[int, int] = {}
        self.ports: dict[str, OvsPort] = {}
        self.routing = RoutingModel()
        self.dhcp: dict[str, Dhcp] = {}
        self.labels: dict[tuple[str, str], str] = {}
        self.images: dict[str, ImageFile] = {}
        self.files: dict[str, InstanceFiles] = {}
        self.volumes: dict[str, VolumeFact] = {}
        self.domains: dict[str, DomainFact] = {}

    def facts(self) -> Facts:
        """One look at it."""
        return Facts(
            OvsFacts(dict(self.bridges), dict(self.ports)),
            dict(self.routing.namespaces),
            dict(self.dhcp),
            dict(self.labels),
            dict(self.images),
            dict(self.files),
            dict(self.volumes),
            dict(self.domains),
            self.routing.host,
            dict(self.routing.rules),
            dict(self.routing.advertising),
            dict(self.routing.metadata),
        )

    @property
    def namespaces(self) -> dict[str, Namespace]:
        return self.routing.namespaces

    @namespaces.setter
    def namespaces(self, found: dict[str, Namespace]) -> None:
        self.routing.namespaces = found

    def apply(self, step: Step) -> None:
        """Do the step. Applying it again changes nothing."""
        for handle in (self._network, self.routing.apply, self._storage, self._compute):
            if handle(step):
                return
        raise TypeError(f"the model knows no {step!r}")

    def _network(self, step: Step) -> bool:
        match step:
            case AddBridge(name, datapath, labels):
                flows = self.bridges[name].flows if name in self.bridges else 0
                self.bridges[name] = OvsBridge(name, datapath, "secure", flows, dict(labels))
            case RemoveBridge(name):
                self.bridges.pop(name, None)
                self.ports = {key: p for key, p in self.ports.items() if p.bridge != name}
            case WriteFlows(bridge, cookie, _):
                self.bridges[bridge] = replace(self.bridges[bridge], flows=cookie)
            case WriteFlowSets():
                self._write_sets(step)
            case ForgetConnections():
                pass
            case AddPort(bridge, name, vlan, labels, internal):
                numbers = [each.ofport for each in self.ports.values() if not each.peer]
                number = (
                    self.ports[name].ofport if name in self.ports else max(numbers, default=0) + 1
                )
                self.ports[name] = OvsPort(name, bridge, vlan, internal, number, "", dict(labels))
            case AddPatch(bridge, name, peer, number, labels):
                self.ports[name] = OvsPort(
                    name, bridge, ofport=number, labels=dict(labels), peer=peer
                )
            case AddTunnel(bridge, name, local, remote, labels):
                number = 100 + len(self.ports)
                if name in self.ports:
                    number = self.ports[name].ofport
                self.ports[name] = OvsPort(
                    name, bridge, ofport=number, labels=dict(labels), tunnel=(local, remote)
                )
            case RemovePort(name):
                self.ports.pop(name, None)
                self.routing.unplug(name)
            case AddNamespace(name):
                self.namespaces.setdefault(name, Namespace(name))
            case RemoveNamespace(name):
                self.namespaces.pop(name, None)
            case ServeDhcp(network_id, _, files):
                self.dhcp[network_id] = Dhcp(network_id, digest(files), digest(files), 4711)
            case StopDhcp(network_id):
                self.dhcp.pop(network_id, None)
            case _:
                return False
        return True

    def _write_sets(self, step: WriteFlowSets) -> None:
        bridge = self.bridges[step.bridge]
        swept = set(bridge.sets.values()) if step.swept is None else set(step.swept)
        sets = {owner: cookie for owner, cookie in bridge.sets.items() if cookie not in swept}
        sets |= {each.owner: each.cookie for each in step.sets}
        self.sizes |= {each.cookie: len(each.flows) + 1 for each in step.sets}
        count = sum(self.sizes[cookie] for cookie in sets.values())
        self.bridges[step.bridge] = replace(bridge, sets=sets, flow_count=count)

    def _storage(self, step: Step) -> bool:
        match step:
            case WriteLabel(kind, id_, label):
                self.labels[kind, id_] = label
            case RemoveLabel(kind, id_):
                self.labels.pop((kind, id_), None)
            case ImportImage(id_):
                self.images.setdefault(id_, ImageFile(id_, 1))
            case RemoveImage(id_):
                self.images.pop(id_, None)
            case CreateOverlay(id_, disk=disk) | CopyDisk(id_, disk=disk):
                files = self.files.get(id_, InstanceFiles(id_))
                self.files[id_] = replace(files, disks=files.disks | {disk})
            case RemoveDisk(id_, disk):
                files = self.files[id_]
                self.files[id_] = replace(files, disks=files.disks - {disk})
            case CreateConfigDrive(id_, config):
                files = self.files.get(id_, InstanceFiles(id_))
                self.files[id_] = replace(files, config=config)
            case RemoveInstanceFiles(id_):
                self.files.pop(id_, None)
            case CreateVolume(id_, pool, size, label):
                self.volumes.setdefault(id_, VolumeFact(id_, pool.driver, size, label))
            case LabelVolume(id_, _, label):
                self.volumes[id_] = replace(self.volumes[id_], label=label)
            case RemoveVolume(id_):
                self.volumes.pop(id_, None)
            case ExtendVolume(id_, _, size):
                self.volumes[id_] = replace(self.volumes[id_], size=size)
            case _:
                return False
        return True

    def _compute(self, step: Step) -> bool:
        match step:
            case libvirt.DefineDomain(spec):
                known = self.domains.get(spec.id)
                fresh = DomainFact(
                    spec.id, spec.name, State.SHUTOFF, Reason.UNKNOWN, "", "", spec.vcpus, spec.ram
                )
                live = known is not None and known.state in (State.RUNNING, State.PAUSED)
                disks = frozenset(disk.serial for disk in spec.disks if disk.serial)
                self.domains[spec.id] = replace(
                    known or fresh,
                    digest=spec.digest,
                    label=spec.label,
                    vcpus=spec.vcpus,
                    ram=spec.ram,
                    disks=known.disks if known is not None and live else disks,
                    nics=known.nics
                    if known is not None and live
                    else frozenset(nic.port_id for nic in spec.nics),
                    unlinked=known.unlinked
                    if known is not None and live
                    else frozenset(nic.port_id for nic in spec.nics if not nic.link),
                )
            case libvirt.UndefineDomain(id_):
                self.domains.pop(id_, None)
            case libvirt.StartDomain(id_, hard, soft, launches):
                if self.domains[id_].state is not State.RUNNING:
                    done = {"hard_reboots": hard, "soft_reboots": soft, "launches": launches}
                    self.set_state(id_, State.RUNNING, **done)
            case libvirt.ShutDownDomain(id_):
                self.set_state(id_, State.SHUTOFF, Reason.GUEST)
            case libvirt.DestroyDomain(id_):
                self.set_state(id_, State.SHUTOFF, Reason.KILLED)
            case libvirt.PauseDomain(id_):
                self.set_state(id_, State.PAUSED)
            case libvirt.ResumeDomain(id_):
                self.set_state(id_, State.RUNNING)
            case libvirt.SaveDomain(id_):
                self.set_state(id_, State.SAVED)
            case libvirt.RebootDomain(id_, generation):
                self.set_state(id_, self.domains[id_].state, soft_reboots=generation)
            case libvirt.ResetDomain(id_, generation):
                self.set_state(id_, self.domains[id_].state, hard_reboots=generation)
            case libvirt.AttachDisk(id_, disk):
                self.set_state(
                    id_, self.domains[id_].state, disks=self.domains[id_].disks | {disk.serial}
                )
            case libvirt.DetachDisk(id_, serial):
                self.set_state(
                    id_, self.domains[id_].state, disks=self.domains[id_].disks - {serial}
                )
            case libvirt.AttachNic(id_, nic):
                self.set_state(
                    id_, self.domains[id_].state, nics=self.domains[id_].nics | {nic.port_id}
                )
            case libvirt.DetachNic(id_, port_id):
                self.set_state(
                    id_, self.domains[id_].state, nics=self.domains[id_].nics - {port_id}
                )
            case libvirt.SetLink(id_, port_id, up):
                down = self.domains[id_].unlinked
                down = down - {port_id} if up else down | {port_id}
                self.set_state(id_, self.domains[id_].state, unlinked=down)
            case _:
                return False
        return True

    def set_state(
        self, id_: str, state: State, reason: Reason = Reason.UNKNOWN, **values: object
    ) -> None:
        """A domain's state from now on, and what else of its facts is given."""
        known = self.domains[id_]
        self.domains[id_] = replace(known, state=state, reason=reason, **values)  # type: ignore[arg-type]


def converge(model: Model, records: Records, settings: Settings) -> Plan:
    """One whole converge: plan, apply, and let the records learn. Returns what was planned."""
    planned = plan(records, model.facts(), settings)
    for unit_plan in planned.units:
        for step in unit_plan.steps:
            if isinstance(step, FollowGuest):
                records.instances[step.instance_id].power = Power.STOPPED
            else:
                model.apply(step)
        learn(records, unit_plan)
    return planned


def learn(records: Records, planned: UnitPlan) -> None:
    """What the records learn of a unit that was converged; see backends.settle."""
    row = record_of(planned.unit, records)
    if planned.removes:
        _forget(records, planned)
    elif isinstance(row, Image) and planned.settles:
        row.imported, row.source = True, None
    elif isinstance(row, Volume | Instance) and planned.settles:
        row.made = True
        left = [a for a in records.attachments.get(row.id, ()) if not a.absent]
        records.attachments[row.id] = left
        if isinstance(row, Instance):
            _let_go(records, row)
    elif planned.unit.kind is Kind.NETWORK and planned.settles:
        _drop_ports(records, [p for p in records.ports_on[planned.unit.id] if p.absent])


def _let_go(records: Records, row: Instance) -> None:
    for port in list(records.ports_of.get(row.id, ())):
        if port.leaving:
            port.leaving = False
            if port.made_for_device:
                port.absent = True
            else:
                records.ports_of[row.id].remove(port)
                port.device_id = port.device_owner = port.host = ""


def _forget(records: Records, planned: UnitPlan) -> None:
    kind, id_ = planned.unit
    if kind is Kind.NETWORK:
        _drop_ports(records, list(records.ports_on.get(id_, ())))
        records.vlans.pop(id_, None)
    table = {
        Kind.PROJECT: records.projects,
        Kind.IMAGE: records.images,
        Kind.NETWORK: records.networks,
        Kind.ROUTER: records.routers,
        Kind.VOLUME: records.volumes,
        Kind.INSTANCE: records.instances,
    }[kind]
    table.pop(id_, None)  # type: ignore[attr-defined]


def _drop_ports(records: Records, ports: list[Port]) -> None:
    for port in ports:
        records.ports.pop(port.id, None)
        records.ports_on[port.network_id].remove(port)
        if port in records.ports_of.get(port.device_id, ()):
            records.ports_of[port.device_id].remove(port)
