"""Trunks: an instance on several networks by one port, told apart by VLAN tags (IEEE 802.1Q)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session, col, delete, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.network import OWNER_INSTANCE, OWNER_SUBPORT, Port
from backends.records.trunk import Subport, Trunk
from backends.records.unit import Kind, Unit
from backends.services.base import (
    Service,
    check_absent,
    find,
    good_name,
    good_text,
    own,
    redescribe,
)

T = TypeVar("T")
_VLANS = range(1, 4095)


@dataclass(frozen=True, slots=True)
class NewSubport:
    """A port by id or name, and the VLAN by which the parent's guest means it."""

    port: str
    segmentation_id: int


@dataclass(frozen=True, slots=True)
class TrunkView:
    """A trunk with its parent port and its subports, by VLAN."""

    trunk: Trunk
    parent: Port
    subports: tuple[tuple[Subport, Port], ...]


class Trunks(Service):
    """Trunks of the caller's project."""

    def create(
        self,
        name: str,
        parent: str,
        *,
        subports: Sequence[NewSubport] = (),
        description: str = "",
        admin_state_up: bool = True,
    ) -> Trunk:
        """Make a port, plugged or not, a trunk's parent. Raises Refused `trunk.parent`, `trunk.*`.

        A port that was made for an instance cannot be one: it would go with the instance.
        """

        def act(change: Change) -> Trunk:
            session = change.session
            port = find(session, Port, parent, "port", self.caller)
            check_absent(port, "port")
            _check_parent(session, port)
            row = Trunk(
                project_id=port.project_id,
                name=good_name(name),
                description=good_text(description, "description"),
                port_id=port.id,
                admin_state_up=admin_state_up,
            )
            session.add(row)
            session.flush()
            for each in subports:
                self._add(change, row, port, each)
            return self._touch(change, row, port)

        return self._change("create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[TrunkView]:
        """The caller's trunks, by name."""
        with self.context.reading() as session:
            rows = own(session, Trunk, self.caller, all_projects)
            return [_view(session, row) for row in rows]

    def show(self, ref: str) -> TrunkView:
        """One trunk by id or name. Raises NotFound `trunk.not_found`."""
        with self.context.reading() as session:
            return _view(session, find(session, Trunk, ref, "trunk", self.caller))

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        admin_state_up: bool | None = None,
    ) -> Trunk:
        """Change a trunk; the subports of one that is down pass nothing."""

        def act(change: Change) -> Trunk:
            row = find(change.session, Trunk, ref, "trunk", self.caller)
            redescribe(row, name, description)
            if admin_state_up is not None:
                row.admin_state_up = admin_state_up
            return self._touch(change, row, change.session.get_one(Port, row.port_id))

        return self._change("set", act)

    def add_subports(self, ref: str, subports: Sequence[NewSubport]) -> Trunk:
        """Have the trunk carry these ports too. Raises Refused `port.in_use`, `trunk.*`."""

        def act(change: Change) -> Trunk:
            row = find(change.session, Trunk, ref, "trunk", self.caller)
            parent = change.session.get_one(Port, row.port_id)
            for each in subports:
                self._add(change, row, parent, each)
            return self._touch(change, row, parent)

        return self._change("add_subports", act)

    def remove_subports(self, ref: str, ports: Sequence[str]) -> Trunk:
        """Free these subports. Raises NotFound `trunk.subport.not_found`."""

        def act(change: Change) -> Trunk:
            session = change.session
            row = find(session, Trunk, ref, "trunk", self.caller)
            for each in ports:
                port = find(session, Port, each, "port", self.caller)
                held = session.get(Subport, port.id)
                if held is None or held.trunk_id != row.id:
                    name = port.name or port.id
                    raise NotFound(
                        "trunk.subport.not_found", f"port {name} is no subport of {row.name}"
                    )
                _free(change, port)
                session.delete(held)
            return self._touch(change, row, session.get_one(Port, row.port_id))

        return self._change("remove_subports", act)

    def delete(self, ref: str) -> None:
        """Remove a trunk; parent and subports stay, the subports free."""

        def act(change: Change) -> None:
            session = change.session
            row = find(session, Trunk, ref, "trunk", self.caller)
            for _, port in _view(session, row).subports:
                _free(change, port)
            session.execute(delete(Subport).where(col(Subport.trunk_id) == row.id))
            self._touch(change, row, session.get_one(Port, row.port_id))
            session.delete(row)

        self._change("delete", act)

    def _add(self, change: Change, trunk: Trunk, parent: Port, new: NewSubport) -> None:
        session = change.session
        port = find(session, Port, new.port, "port", self.caller)
        check_absent(port, "port")
        _check_subport(session, trunk, parent, port, new.segmentation_id)
        row = Subport(port_id=port.id, trunk_id=trunk.id, segmentation_id=new.segmentation_id)
        session.add(row)
        port.device_id, port.device_owner, port.host = trunk.id, OWNER_SUBPORT, parent.host
        session.flush()
        change.touch(Unit(Kind.NETWORK, port.network_id))

    def _change(self, verb: str, act: Callable[[Change], T]) -> T:
        self.caller.require(Role.MEMBER, "change a trunk")
        return self.context.perform(f"trunk.{verb}", act)

    def _touch(self, change: Change, row: Trunk, parent: Port) -> Trunk:
        """A trunk's label is its parent's, which its network writes."""
        unit = Unit(Kind.NETWORK, parent.network_id)
        change.about(unit, row.name or row.id)
        change.touch(unit)
        return row


def places(session: Session) -> dict[str, tuple[str, int]]:
    """Where subports are: the parent's interface and the VLAN there, by the subport's id."""
    query = (
        select(Subport, Port)
        .join(Trunk, col(Trunk.id) == col(Subport.trunk_id))
        .join(Port, col(Port.id) == col(Trunk.port_id))
    )
    return {
        each.port_id: (parent.interface, each.segmentation_id)
        for each, parent in session.exec(query)
    }


def check_no_trunk(session: Session, port: Port) -> None:
    """Raises Refused `port.trunk` for the parent of a trunk."""
    row = session.exec(select(Trunk).where(Trunk.port_id == port.id)).first()
    if row is not None:
        raise Refused(
            "port.trunk",
            f"port {port.name or port.id} is the parent of trunk {row.name or row.id}; delete that",
        )


def _check_parent(session: Session, port: Port) -> None:
    check_no_trunk(session, port)
    name = port.name or port.id
    if port.made_for_device or port.device_owner not in ("", OWNER_INSTANCE):
        raise Refused(
            "trunk.parent",
            f"port {name} belongs to what it was made for; create a port and plug it in instead",
        )


def _check_subport(
    session: Session, trunk: Trunk, parent: Port, port: Port, segmentation_id: int
) -> None:
    name = port.name or port.id
    if port.device_id or port.id == parent.id:
        raise Refused("port.in_use", f"port {name} is plugged already")
    check_no_trunk(session, port)
    if segmentation_id not in _VLANS:
        raise Refused("trunk.segmentation", f"a segmentation id is 1 to 4094: {segmentation_id}")
    networks = {parent.network_id}
    for held, other in _view(session, trunk).subports:
        networks.add(other.network_id)
        if held.segmentation_id == segmentation_id:
            text = f"VLAN {segmentation_id} of the trunk is port {other.name or other.id}'s"
            raise Refused("trunk.segmentation", text)
    if port.network_id in networks:
        raise Refused("trunk.network", f"the trunk is on the network of port {name} already")


def _free(change: Change, port: Port) -> None:
    port.device_id = port.device_owner = port.host = ""
    change.touch(Unit(Kind.NETWORK, port.network_id))


def _view(session: Session, row: Trunk) -> TrunkView:
    query = (
        select(Subport, Port)
        .join(Port, col(Port.id) == col(Subport.port_id))
        .where(Subport.trunk_id == row.id)
        .order_by(col(Subport.segmentation_id))
    )
    held = tuple((subport, port) for subport, port in session.exec(query))
    return TrunkView(row, session.get_one(Port, row.port_id), held)
