"""Ports and addresses of instances that are there already, running or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlmodel import Session, col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.instance import Instance, Power
from backends.records.network import Address, Network, Port
from backends.records.unit import Kind, Unit
from backends.services import addresses, storage
from backends.services.base import Service, check_absent, find
from backends.services.fixed_address import (
    FixedAddress,
    check_not_lent,
    fixed_addresses,
    take_address,
)
from backends.services.network import Networks
from backends.services.own_port import networks_of
from backends.services.plug import Lent, Plug, leave, plug_in, take_out

T = TypeVar("T")


class Plugging(Service):
    """What the caller's instances are plugged into."""

    def add_port(self, instance: str, port: str) -> Port:
        """Plug a free port in. Raises Refused `port.in_use`; MachineFailed `instance.slots`."""
        return self._plug(instance, Plug(port=port))

    def add_network(self, instance: str, network: str, *, address: str = "") -> Port:
        """Plug a new port of the network in; the same network more than once is more ports."""
        return self._plug(instance, Plug(network=network, address=address))

    def remove_port(self, instance: str, port: str) -> None:
        """Take a port out; returns once the guest let go of it.

        One that was made for the instance is deleted, one that it was given is free again.
        Raises NotFound `port.not_plugged`, MachineFailed `port.detach.refused`.
        """

        def choose(session: Session, guest: Instance) -> Sequence[Port]:
            found = find(session, Port, port, "port", self.caller)
            if found.device_id != guest.id:
                name = found.name or found.id
                raise NotFound("port.not_plugged", f"port {name} is not one of {guest.name}")
            return [found]

        self._unplug(instance, choose)

    def remove_network(self, instance: str, network: str) -> None:
        """Take all its ports on a network out, as `remove_port` does each."""

        def choose(session: Session, guest: Instance) -> Sequence[Port]:
            return _ports_on(session, guest, Networks(self.context).require(session, network))

        self._unplug(instance, choose)

    def add_address(self, instance: str, network: str, *, address: str = "") -> Address:
        """Give the port that it has on a network one more address: this one, or the next free.

        The guest has to set it up itself: DHCP tells it one address of a subnet alone.
        Raises NotFound `port.not_plugged`, Refused `network.address.*`.
        """

        def act(change: Change, guest: Instance) -> Address:
            session = change.session
            row = Networks(self.context).require(session, network)
            port = _ports_on(session, guest, row)[0]
            wanted = fixed_addresses(session, row, [FixedAddress(address=address)])
            taken = [take_address(session, port, *each) for each in wanted]
            change.touch(Unit(Kind.NETWORK, row.id))
            return taken[0]

        return self._change("add_address", instance, act)

    def remove_address(self, instance: str, address: str) -> None:
        """Take an address from the port that has it; nothing passes under it any more.

        Raises NotFound `network.address.not_found`, Refused `network.address.lent`.
        """

        def act(change: Change, guest: Instance) -> None:
            session = change.session
            wanted = str(addresses.parse_address(address))
            mine = select(Address, Port).join(Port, col(Port.id) == col(Address.port_id))
            query = mine.where(Port.device_id == guest.id, Address.address == wanted)
            found = session.exec(query).first()
            if found is None:
                raise NotFound(
                    "network.address.not_found", f"instance {guest.name} has no address {wanted}"
                )
            row, port = found
            check_not_lent(session, port, wanted)
            session.delete(row)
            change.touch(Unit(Kind.NETWORK, port.network_id))

        self._change("remove_address", instance, act)

    def _plug(self, instance: str, plug: Plug) -> Port:
        def act(change: Change, guest: Instance) -> Port:
            query = select(Port.position).where(Port.device_id == guest.id)
            position = max(change.session.exec(query).all(), default=-1) + 1
            port = plug_in(self.context, change, guest, plug, position, None)
            change.revert = partial(_taken_back, port.id)
            change.touch(Unit(Kind.INSTANCE, guest.id))
            return port

        return self._change("add_port", instance, act)

    def _unplug(self, instance: str, choose: Callable[[Session, Instance], Sequence[Port]]) -> None:
        def act(change: Change, guest: Instance) -> None:
            if guest.power is Power.PAUSED:
                raise Refused(
                    "instance.state", f"instance {guest.name} is paused; unpause it first"
                )
            ports = choose(change.session, guest)
            for port in ports:
                check_absent(port, "port")
            lent = take_out(change, ports)
            change.revert = partial(_kept, [port.id for port in ports], lent)
            change.touch(Unit(Kind.INSTANCE, guest.id))

        self._change("remove_port", instance, act)

    def _change(self, verb: str, ref: str, act: Callable[[Change, Instance], T]) -> T:
        self.caller.require(Role.MEMBER, "change what an instance is plugged into")

        def on_instance(change: Change) -> T:
            guest = find(change.session, Instance, ref, "instance", self.caller)
            check_absent(guest, "instance")
            storage.check_still(change.session, guest)
            # A saved guest comes back with the devices that it was saved with.
            if guest.power is Power.SUSPENDED:
                raise Refused(
                    "instance.state", f"instance {guest.name} is suspended; resume it first"
                )
            change.about(Unit(Kind.INSTANCE, guest.id), guest.name)
            done = act(change, guest)
            change.touch(*networks_of(change.session, guest.id))
            return done

        return self.context.perform(f"instance.{verb}", on_instance)


def _ports_on(session: Session, guest: Instance, network: Network) -> Sequence[Port]:
    query = select(Port).where(
        Port.device_id == guest.id,
        Port.network_id == network.id,
        col(Port.absent).is_(False),
        col(Port.leaving).is_(False),
    )
    found = session.exec(query.order_by(col(Port.position), col(Port.id))).all()
    if not found:
        raise NotFound(
            "port.not_plugged", f"instance {guest.name} has no port on network {network.name}"
        )
    return found


def _taken_back(port_id: str, session: Session) -> None:
    leave(session, [port_id], True)


def _kept(ports: Sequence[str], lent: Sequence[Lent], session: Session) -> None:
    leave(session, ports, False)
    for each in lent:
        each.again(session)
