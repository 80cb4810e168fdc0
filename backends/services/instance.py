"""Instances: the verbs of their life."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.drivers.libvirt.facts import Reason, State
from backends.errors import Refused
from backends.inspect.instance_row import InstanceRow
from backends.records.host import HostRecord
from backends.records.identity import Role
from backends.records.instance import Instance, Power
from backends.records.network import OWNER_INSTANCE, Address, Network, Port
from backends.records.unit import Kind, Unit
from backends.services import quota, storage
from backends.services.base import Service, check_absent, find, good_name, good_properties
from backends.services.dns_name import good_dns_name
from backends.services.flavor import Flavors, check_fits_host
from backends.services.keypair import KeyPairs
from backends.services.plug import Plug, plug_in
from backends.services.root import Root

_USER_DATA_MAX = 65535


@dataclass(frozen=True, slots=True)
class NewInstance:
    """What an instance is made of. No plugs: the one network of the project, if it has just one.

    It boots from an image, on a disk of its own, or from a `volume` that is bootable.
    """

    name: str
    flavor: str
    image: str = ""
    plugs: tuple[Plug, ...] | None = None
    groups: tuple[str, ...] | None = None
    key: str | None = None
    user_data: str | None = None
    config_drive: bool = True
    properties: dict[str, str] = field(default_factory=dict)
    volume: str = ""


class Instances(Service):
    """Instances of the caller's project."""

    def create(self, new: NewInstance) -> Instance:
        """Launch an instance; returns once it runs.

        Raises Refused `quota.exceeded`, `flavor.too_small`, `flavor.too_large`,
        `network.address.*`, `image.*`; MachineFailed when the machine failed, with nothing left.
        """
        self.caller.require(Role.MEMBER, "create an instance")
        name = good_name(new.name)
        # What is no text in UTF-8 counts by its replacement; the record refuses it.
        if new.user_data and len(new.user_data.encode(errors="replace")) > _USER_DATA_MAX:
            raise Refused(
                "instance.user_data.long", f"user data has at most {_USER_DATA_MAX} bytes"
            )

        def act(change: Change) -> Instance:
            session = change.session
            if bool(new.image) == bool(new.volume):
                raise Refused("instance.image.none", "name what it boots: an image, or a volume")
            flavor = Flavors(self.context).require(session, new.flavor)
            check_fits_host(flavor)
            root = (
                Root.of_volume(self.context, session, new.volume)
                if new.volume
                else Root.of_image(self.context, session, new.image, flavor)
            )
            wanted = {"instances": 1, "cores": flavor.vcpus, "ram": flavor.ram}
            quota.check(session, self.caller.project_id, wanted)
            key = KeyPairs(self.context).require(session, new.key) if new.key else None
            row = Instance(
                project_id=self.caller.project_id,
                user_id=self.caller.user_id,
                name=name,
                hostname=hostname_of(name),
                host=self.context.settings.host,
                flavor_id=flavor.id,
                flavor_name=flavor.name,
                vcpus=flavor.vcpus,
                ram=flavor.ram,
                disk=flavor.disk,
                image_id=root.image_id,
                base_id=root.image_id,
                root_volume_id=root.volume.id if root.volume else None,
                hardware=root.hardware,
                key_name=key.name if key else None,
                public_key=key.public_key if key else None,
                user_data=new.user_data,
                config_drive=new.config_drive,
                properties=good_properties(new.properties),
            )
            session.add(row)
            session.flush()
            change.make(Unit(Kind.INSTANCE, row.id), row.name)
            root.bind(change, row)
            for position, plug in enumerate(self._plugs(session, new)):
                plug_in(self.context, change, row, plug, position, new.groups)
            return row

        return self.context.perform("instance.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[InstanceRow]:
        """What should be and what is, by name: two queries and one call to libvirt for all."""
        rows = self._recorded(all_projects)
        states = self.context.machine.libvirt.states()
        found = [InstanceRow(*row, *states.get(row[0], (None, None))) for row in rows]
        return self._placed(found)

    def recorded(self, *, all_projects: bool = False) -> Sequence[InstanceRow]:
        """What should be, without a question to the machine: `state` is None in each row."""
        return [
            InstanceRow._make((*row, None, None, False)) for row in self._recorded(all_projects)
        ]

    def show(self, ref: str) -> Instance:
        """One instance's record by id or name. Raises NotFound `instance.not_found`."""
        with self.context.reading() as session:
            return find(session, Instance, ref, "instance", self.caller)

    def row(self, ref: str) -> InstanceRow:
        """One instance as `list` shows it."""
        instance = self.show(ref)
        with self.context.reading() as session:
            (values,) = _listing(session, None, instance.id)
        fact = self.context.machine.libvirt.facts([instance.id]).get(instance.id)
        state = (fact.state, fact.reason) if fact else (None, None)
        return self._placed([InstanceRow(*values, *state)])[0]

    def _placed(self, rows: builtins.list[InstanceRow]) -> builtins.list[InstanceRow]:
        """Those of other hosts marked: what this machine cannot know of is not missing."""
        here = self.context.settings.host
        if all(row.host == here or row.state is not None for row in rows):
            return rows
        with self.context.reading() as session:
            known = set(session.exec(select(HostRecord.name)))
        # A cloud's only host may have changed its name.
        others = known - {here} if len(known) > 1 else set()
        return [row._replace(away=row.host in others and row.state is None) for row in rows]

    def start(self, *refs: str) -> None:
        """Run stopped, paused or suspended instances."""
        states = self.context.machine.libvirt.states()
        self._each("start", refs, lambda row: _start(row, states.get(row.id)))

    def stop(self, *refs: str) -> None:
        """Shut instances down: the guest is asked, and after a while the plug is pulled."""
        self._each("stop", refs, lambda row: _power(row, Power.STOPPED))

    def reboot(self, *refs: str, hard: bool = False) -> None:
        """Reboot: the guest is asked, or (hard) its reset button pressed."""
        self._each("reboot", refs, _reboot_hard if hard else _reboot_soft)

    def pause(self, *refs: str) -> None:
        """Stop the vCPUs; memory stays."""
        self._each("pause", refs, lambda row: _power(row, Power.PAUSED, Power.RUNNING))

    def unpause(self, *refs: str) -> None:
        """Let paused instances go on."""
        self._each("unpause", refs, lambda row: _power(row, Power.RUNNING, Power.PAUSED))

    def suspend(self, *refs: str) -> None:
        """Save memory to disk and free it."""
        self._each(
            "suspend", refs, lambda row: _power(row, Power.SUSPENDED, Power.RUNNING, Power.PAUSED)
        )

    def resume(self, *refs: str) -> None:
        """Let suspended instances go on."""
        self._each("resume", refs, _resume)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        hostname: str | None = None,
        properties: dict[str, str] | None = None,
    ) -> Instance:
        """Rename an instance or change its properties.

        Its `hostname`, by which DNS knows it, stays unless one is given; a running guest reads it
        when it asks. Raises Refused `dns.name`.
        """
        self.caller.require(Role.MEMBER, "change an instance")
        if hostname is not None and not good_dns_name(hostname):
            raise Refused("dns.name", "a host name has 1 to 63 of a-z, 0-9 and '-'")

        def act(change: Change) -> Instance:
            row = find(change.session, Instance, ref, "instance", self.caller)
            check_absent(row, "instance")
            storage.check_still(change.session, row)
            row.name = row.name if name is None else good_name(name)
            row.hostname = row.hostname if hostname is None else good_dns_name(hostname)
            row.properties = row.properties | good_properties(properties)
            unit = Unit(Kind.INSTANCE, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("instance.set", act)

    def delete(self, *refs: str) -> None:
        """Delete instances with their disks and own ports; volumes and given ports stay."""
        self.caller.require(Role.MEMBER, "delete an instance")

        def act(change: Change) -> None:
            rows = [find(change.session, Instance, ref, "instance", self.caller) for ref in refs]
            for row in rows:
                storage.check_still(change.session, row)
                unit = Unit(Kind.INSTANCE, row.id)
                change.about(unit, row.name if len(rows) == 1 else f"{len(rows)} instances")
                change.touch(*doom(change.session, unit))

        self.context.perform("instance.delete", act)

    def console_log(self, ref: str, *, lines: int | None = None) -> str:
        """What the guest wrote to its serial line; the last `lines` of it."""
        instance = self.show(ref)
        path = self.context.settings.console_log(instance.id)
        text = self.context.machine.host.read_text(path) or ""
        return text if lines is None else "\n".join(text.splitlines()[-lines:]) + "\n"

    def _recorded(self, all_projects: bool) -> Sequence[tuple[Any, ...]]:
        everyone = all_projects and self.caller.admin
        with self.context.reading() as session:
            return _listing(session, None if everyone else self.caller.project_id)

    def _each(self, verb: str, refs: Sequence[str], act_on: Callable[[Instance], None]) -> None:
        self.caller.require(Role.MEMBER, f"{verb} an instance")

        def act(change: Change) -> None:
            rows = [find(change.session, Instance, ref, "instance", self.caller) for ref in refs]
            for row in rows:
                check_absent(row, "instance")
                storage.check_still(change.session, row)
                if row.shelved:
                    text = f"instance {row.name} is shelved; unshelve it first"
                    raise Refused("instance.state", text)
                act_on(row)
                unit = Unit(Kind.INSTANCE, row.id)
                change.about(unit, row.name if len(rows) == 1 else f"{len(rows)} instances")
                change.touch(unit)

        self.context.perform(f"instance.{verb}", act)

    def _plugs(self, session: Session, new: NewInstance) -> Sequence[Plug]:
        if new.plugs is not None:
            return new.plugs
        query = select(Network).where(
            Network.project_id == self.caller.project_id, col(Network.absent).is_(False)
        )
        networks = session.exec(query).all()
        if len(networks) > 1:
            raise Refused("instance.network.ambiguous", "name a network: the project has several")
        return [Plug(network=network.id) for network in networks]


def hostname_of(name: str) -> str:
    """A host name (RFC 1123 label) from an instance's name."""
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:63].strip("-")
    return label or "instance"


def _start(row: Instance, found: tuple[State, Reason] | None) -> None:
    if row.leaving_id is not None and row.leaving_id == row.base_id:
        text = f"the root disk of {row.name} is being written into its image; wait for that first"
        raise Refused("instance.state", text)
    # A paused or suspended guest goes on. One that is off boots anew, also where it went off by
    # itself and its record has not followed yet.
    went_off = found is not None and found == (State.SHUTOFF, Reason.GUEST)
    if row.power is Power.STOPPED or went_off:
        row.boots += 1
    row.power = Power.RUNNING


def _power(row: Instance, wanted: Power, *allowed: Power) -> None:
    if allowed and row.power not in (*allowed, wanted):
        raise Refused("instance.state", f"instance {row.name} is {row.power.value}")
    row.power = wanted


def _resume(row: Instance) -> None:
    _power(row, Power.RUNNING, Power.SUSPENDED)


def _reboot_soft(row: Instance) -> None:
    _power(row, Power.RUNNING, Power.RUNNING)
    row.soft_reboots += 1


def _reboot_hard(row: Instance) -> None:
    row.power = Power.RUNNING
    row.boots += 1


def _listing(
    session: Session, project_id: str | None, id_: str | None = None
) -> list[tuple[Any, ...]]:
    """Columns, not objects: a listing of thousands stays cheap."""
    query: Any = select(  # type: ignore[call-overload]
        Instance.id,
        Instance.name,
        Instance.project_id,
        Instance.power,
        Instance.absent,
        Instance.flavor_name,
        Instance.image_id,
        Instance.host,
        Instance.created_at,
        Instance.made,
        Instance.shelved,
        Instance.rescue_image_id,
        Instance.previous,
    ).order_by(col(Instance.name), col(Instance.id))
    taken = (
        select(Port.device_id, Address.address)
        .join(Address, col(Address.port_id) == col(Port.id))
        .where(Port.device_owner == OWNER_INSTANCE)
        .order_by(col(Port.position))
    )
    if project_id is not None:
        query = query.where(Instance.project_id == project_id)
        taken = taken.where(Port.project_id == project_id)
    if id_ is not None:
        query = query.where(Instance.id == id_)
        taken = taken.where(Port.device_id == id_)
    found: dict[str, tuple[str, ...]] = {}
    for device, address in session.exec(taken):
        found[device] = (*found.get(device, ()), address)
    return [(*row, found.get(row[0], ())) for row in session.exec(query)]


__all__ = ["Instances", "NewInstance", "Plug", "hostname_of"]
