"""The machines a cloud is made of, and how their networks' frames reach one another."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from backends.context import Change
from backends.drivers.namespaces.facts import Interface
from backends.drivers.ovs.facts import OvsPort
from backends.drivers.ovs.steps import AddTunnel
from backends.errors import NotFound, Refused
from backends.plan import tunnel
from backends.records import snapshot
from backends.records.base import now
from backends.records.host import HostRecord
from backends.records.operation import Operation
from backends.records.tables import Image, Instance, LocalVlan, Network, Port, Router, Volume
from backends.records.unit import Kind, Unit
from backends.services.base import Service
from backends.services.mtu import OVERHEAD, check_leaves

_USERSPACE = "netdev"


@dataclass(frozen=True, slots=True)
class HostView:
    """A host as this one sees it.

    `state` is `up` for this one, `linked` for one that a tunnel leads to, `apart` where none has to
    (they share no network), else what is wrong. `tunnel` is the port's name. `seen` is the age of
    its last operation in seconds, None where it never did any.
    """

    row: HostRecord
    is_here: bool
    state: str
    tunnel: str
    instances: int
    networks: int
    seen: float | None


class Hosts(Service):
    """The cloud's hosts. For its admin."""

    def list(self) -> Sequence[HostView]:
        """All of them, the oldest first. Raises MachineFailed `ovs.unreachable`."""
        self._check_admin("look at hosts")
        records = self._records()
        facts = self.context.machine.ovs.facts()
        wanted = tunnel.tunnels(records, self.context.settings)
        with self.context.reading() as session:
            return [
                self._view(session, row, facts.ports.get(link.name) if link else None, link)
                for row, link in ((each, wanted.get(each.name)) for each in records.hosts.values())
            ]

    def show(self, ref: str) -> HostView:
        """One host by name. Raises NotFound `host.not_found`."""
        found = [each for each in self.list() if each.row.name == ref]
        if not found:
            raise _unknown(ref)
        return found[0]

    def set(self, ref: str, *, tunnel_address: str | None = None) -> HostRecord:
        """Say by which address the other hosts reach it; an empty one ends its tunnels.

        What passes there is read from the interface that has the address, on the host itself.
        Raises Refused `host.elsewhere`, `host.tunnel.*`, `host.mtu`; NotFound `host.not_found`.
        """
        self.caller.require_cloud_admin("change a host")
        settings = self.context.settings
        address, mtu = "", 0
        if tunnel_address:
            address = _good_address(tunnel_address)
            if ref == settings.host:
                mtu = self._interface(address).mtu

        def act(change: Change) -> HostRecord:
            session = change.session
            row = self._require(session, ref)
            if address and ref != settings.host:
                text = f"an address is checked on the machine that has it: run this on {ref}"
                raise Refused("host.elsewhere", text)
            if address:
                _check_peers(session, ref, address)
                check_leaves(session, mtu - OVERHEAD[ipaddress.ip_address(address).version])
            if tunnel_address is not None:
                row.tunnel_address, row.underlay_mtu = address, mtu
            unit = Unit(Kind.HOST, settings.host)
            change.about(unit, ref)
            change.touch(unit)
            return row

        return self.context.perform("host.set", act)

    def delete(self, ref: str) -> None:
        """Let a host go that nothing is on. Raises Refused `host.in_use`, `host.here`."""
        self.caller.require_cloud_admin("remove a host")

        def act(change: Change) -> None:
            session = change.session
            row = self._require(session, ref)
            if ref == self.context.settings.host:
                raise Refused("host.here", "this host runs the command; run it on another one")
            held = _held(session, ref)
            if held:
                raise Refused("host.in_use", f"host {ref} still has {', '.join(held)}")
            session.execute(delete(LocalVlan).where(col(LocalVlan.host) == ref))
            session.delete(row)
            unit = Unit(Kind.HOST, self.context.settings.host)
            change.about(unit, ref)
            change.touch(unit)

        self.context.perform("host.delete", act)

    def _view(
        self, session: Session, row: HostRecord, port: OvsPort | None, link: AddTunnel | None
    ) -> HostView:
        here = row.name == self.context.settings.host
        if here:
            state = self._own_state(row)
        elif link is None:
            state = "apart" if row.tunnel_address else "no tunnel address"
        elif port is None or port.ofport < 1:
            state = (port.error if port else "") or "tunnel missing"
        else:
            state = "linked"
        on_it = select(func.count()).select_from(Instance).where(Instance.host == row.name)
        ports = select(Port.network_id).where(Port.host == row.name, col(Port.absent).is_(False))
        spans = select(func.count()).select_from(ports.distinct().subquery())
        last = session.exec(
            select(func.max(Operation.started_at)).where(Operation.host == row.name)
        ).one()
        seen = None if last is None else max(now() - last, 0.0)
        return HostView(
            row,
            here,
            state,
            link.name if link else "",
            session.exec(on_it).one(),
            session.exec(spans).one(),
            seen,
        )

    def _own_state(self, row: HostRecord) -> str:
        if not row.tunnel_address:
            return "up"
        found = self.context.machine.namespaces.holder(row.tunnel_address)
        if found is None:
            return "tunnel address missing"
        if found.mtu < row.underlay_mtu:
            return f"underlay MTU fell to {found.mtu}"
        return "up"

    def _interface(self, address: str) -> Interface:
        """The interface that has the address. Raises Refused `host.tunnel.*`."""
        found = self.context.machine.namespaces.holder(address)
        if found is None:
            text = f"no interface of this host that is up has {address}; see `ip address`"
            raise Refused("host.tunnel.missing", text)
        if self.context.settings.datapath == _USERSPACE:
            ports = self.context.machine.ovs.facts().ports
            if found.name not in ports:
                raise Refused(
                    "host.tunnel.unbridged",
                    f"Open vSwitch's userspace datapath tunnels by its own bridges alone: put"
                    f" {found.name} on one (datapath_type=netdev) and {address} on the bridge",
                )
        return found

    def _records(self) -> snapshot.Records:
        host = self.context.settings.host
        with self.context.reading() as session:
            return snapshot.read(session, host, [Unit(Kind.FIREWALL, host)])

    def _require(self, session: Session, name: str) -> HostRecord:
        row = session.get(HostRecord, name)
        if row is None:
            raise _unknown(name)
        return row

    def _check_admin(self, what: str) -> None:
        if not self.caller.admin:
            raise Refused("right.missing", f"only the cloud's admin may {what}")


def _unknown(name: str) -> NotFound:
    return NotFound("host.not_found", f"no host {name!r}; see `quarterdeck host list`")


def _good_address(text: str) -> str:
    """Raises Refused `host.tunnel.invalid` for what no host can be reached by."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = None
    if (
        found is None
        or found.is_unspecified
        or found.is_multicast
        or found.is_loopback
        or found.is_link_local
    ):
        raise Refused("host.tunnel.invalid", f"{text!r} is no address that other hosts can reach")
    return str(found)


def _check_peers(session: Session, name: str, address: str) -> None:
    """Raises Refused `host.tunnel.taken`, `host.tunnel.version`."""
    version = ipaddress.ip_address(address).version
    for other in session.exec(select(HostRecord)):
        if other.name == name or not other.tunnel_address:
            continue
        if other.tunnel_address == address:
            raise Refused("host.tunnel.taken", f"host {other.name} has {address}")
        if ipaddress.ip_address(other.tunnel_address).version != version:
            text = f"host {other.name} is reached by {other.tunnel_address}: take the same version"
            raise Refused("host.tunnel.version", text)


def _held(session: Session, name: str) -> Sequence[str]:
    """What is on the host, in words."""
    tables: dict[str, Any] = {
        "instances": Instance,
        "volumes": Volume,
        "images": Image,
        "networks": Network,
        "routers": Router,
        "ports": Port,
    }
    found = []
    for words, table in tables.items():
        query = select(func.count()).select_from(table).where(table.host == name)
        if count := session.exec(query).one():
            found.append(f"{count} {words}")
    return found
