"""Instances: disk, config drive, domain, plugs, power; in this order, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from backends.drivers.facts import Facts
from backends.drivers.libvirt.facts import DomainFact, Reason, State
from backends.drivers.libvirt.spec import DomainSpec
from backends.drivers.libvirt.steps import (
    AttachDisk,
    AttachNic,
    DefineDomain,
    DestroyDomain,
    DetachDisk,
    DetachNic,
    SetLink,
    ShutDownDomain,
    StartDomain,
    UndefineDomain,
)
from backends.drivers.ovs.steps import AddPort, RemovePort
from backends.drivers.qemu_img.facts import InstanceFiles
from backends.drivers.qemu_img.steps import CreateConfigDrive, RemoveInstanceFiles
from backends.drivers.step import Step
from backends.plan import chain, guest, power, root, shelf
from backends.plan import disk as disks
from backends.plan.inner import port_labels
from backends.plan.plan import Problem, UnitPlan
from backends.records.snapshot import Records
from backends.records.tables import Instance
from backends.records.unit import Unit
from backends.settings import Settings

_LIVE = {State.RUNNING, State.PAUSED, State.STOPPING}


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that make the instance what its record says, or take it away.

    It is left alone while a volume of it moves: until that has ended, nobody says which of two
    copies is the volume.
    """
    planned = _plan(unit, records, facts, settings)
    moving = planned.steps and _moving(unit.id, records)
    if not moving:
        return planned
    text = f"volume {moving} of the instance is being moved; the rest follows when that has ended"
    return UnitPlan(unit, (), (Problem("volume.moving", text),))


def _moving(instance_id: str, records: Records) -> str:
    """The name of a volume of it that lies in two pools; empty for none."""
    for attachment in records.attachments.get(instance_id, ()):
        volume = records.volumes[attachment.volume_id]
        if volume.target_pool:
            return volume.name or volume.id
    return ""


def _plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    id_ = unit.id
    instance = records.instances[id_]
    if instance.absent:
        gone = (*_remove(instance, records, facts), *shelf.unlabel(instance, facts))
        return UnitPlan(unit, gone, removes=True)
    if instance.shelved:
        away = (*shelf.label(instance, records, facts), *_remove(instance, records, facts))
        return UnitPlan(unit, away)
    fact = facts.domains.get(id_)
    files = facts.files.get(id_) or InstanceFiles(id_)
    if lost := root.problem(instance, files):
        return UnitPlan(unit, (), (lost,))
    steps: list[Step] = list(shelf.unlabel(instance, facts))
    kept = root.wanted(instance)
    lacking = not kept <= files.disks
    if fact is not None and fact.state in _LIVE and (lacking or _is_stale(instance, fact)):
        steps.append(ShutDownDomain(id_))
        fact = replace(fact, state=State.SHUTOFF, reason=Reason.UNKNOWN)
    if lacking:
        steps += root.made(instance, files, records)
    live = fact is not None and fact.state in _LIVE
    steps += chain.moved(instance, files, records, settings, live=live)
    config = ""
    if instance.config_drive:
        config_files = guest.config_files(instance)
        config = guest.config_digest(config_files)
        if files.config != config:
            steps.append(CreateConfigDrive(id_, config, config_files))
    spec = guest.spec(instance, config, records, settings)
    steps += _domain(spec, fact)
    steps += root.removed(files, kept)
    power_steps, problems = power.plan(instance, fact)
    starts = any(isinstance(step, StartDomain) for step in power_steps)
    if starts:
        steps += disks.lend_keys(spec.disks)
    steps += power_steps
    problems += chain.problems(instance, files, live=live)
    if live or starts:
        steps += _plugs(instance, records, facts, settings, fresh=not live)
    steps += _left(instance, records, facts)
    settles = _settles(instance, records)
    return UnitPlan(unit, tuple(steps), tuple(problems), settles=settles)


def _settles(instance: Instance, records: Records) -> bool:
    """Whether it was made, or lost something, or its disk was moved, and its record is to know."""
    if not instance.made or instance.leaving_id is not None:
        return True
    detached = [each for each in records.attachments.get(instance.id, ()) if each.absent]
    left = [port for port in records.ports_of.get(instance.id, ()) if port.leaving]
    return bool(detached or left)


def _is_stale(instance: Instance, fact: DomainFact) -> bool:
    """Whether it runs from an older definition."""
    return fact.launches < instance.launches


def _domain(spec: DomainSpec, fact: DomainFact | None) -> list[Step]:
    if fact is None:
        return [DefineDomain(spec)]
    steps: list[Step] = []
    if fact.state in _LIVE:
        wanted = {disk.serial: disk for disk in spec.disks if disk.serial}
        for serial in sorted(fact.disks - wanted.keys()):
            if serial and serial != "config-drive":
                steps.append(DetachDisk(spec.id, serial))
        for serial, disk in wanted.items():
            if serial not in fact.disks and serial != "config-drive":
                steps += [*disks.lend_keys((disk,)), AttachDisk(spec.id, disk)]
            elif serial in fact.disks:
                steps += disks.changes(spec.id, disk, fact)
        steps += _nics(spec, fact)
    # Its own metadata tells what we last defined; the sizes tell what others made of it since.
    if fact.digest != spec.digest or (fact.vcpus, fact.ram) != (spec.vcpus, spec.ram):
        steps.append(DefineDomain(spec))
    return steps


def _nics(spec: DomainSpec, fact: DomainFact) -> Iterable[Step]:
    """Interfaces that a running guest has to gain, lose, or see the cable of come and go."""
    wanted = {nic.port_id: nic for nic in spec.nics}
    for port_id in sorted(fact.nics - wanted.keys()):
        yield DetachNic(spec.id, port_id)
    for port_id, nic in wanted.items():
        if port_id not in fact.nics:
            yield AttachNic(spec.id, nic, spec.datapath)
        elif nic.link == (port_id in fact.unlinked):
            yield SetLink(spec.id, port_id, nic.link)


def _left(instance: Instance, records: Records, facts: Facts) -> Iterable[Step]:
    """What the switch still has of ports that left: libvirt may have been killed in between."""
    for port in records.ports_of.get(instance.id, ()):
        if port.leaving and port.interface in facts.ovs.ports:
            yield RemovePort(port.interface)


def _plugs(
    instance: Instance, records: Records, facts: Facts, settings: Settings, *, fresh: bool
) -> Iterable[Step]:
    """libvirt plugs a tap as it starts a domain; the label follows; a lost plug is put back."""
    for port in records.ports_of.get(instance.id, ()):
        if port.absent or port.leaving:
            continue
        vlan = records.vlans[port.network_id]
        interface = port.interface
        wanted = port_labels(port, settings)
        found = None if fresh else facts.ovs.ports.get(interface)
        if (
            found is None
            or found.bridge != settings.bridge
            or found.vlan != vlan
            or not found.labels.items() >= set(wanted)
        ):
            yield AddPort(settings.bridge, interface, vlan, wanted)


def _remove(instance: Instance, records: Records, facts: Facts) -> Iterable[Step]:
    fact = facts.domains.get(instance.id)
    if fact is not None:
        if fact.state in _LIVE:
            yield DestroyDomain(instance.id)
        yield UndefineDomain(instance.id)
    for port in records.ports_of.get(instance.id, ()):
        # Gone with the domain as a rule; left where libvirt was killed meanwhile.
        if port.interface in facts.ovs.ports:
            yield RemovePort(port.interface)
    if instance.id in facts.files:
        yield RemoveInstanceFiles(instance.id)
