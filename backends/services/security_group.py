"""Security groups and their rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.network import Port
from backends.records.security import (
    PROTOCOL_NUMBERS,
    PortSecurityGroup,
    SecurityGroup,
    SecurityGroupRule,
)
from backends.records.unit import Kind, Unit
from backends.services import quota
from backends.services.base import Service, find, good_name, good_text, is_id, own

PROTOCOLS = ("tcp", "udp", "icmp", "ipv6-icmp", "sctp")


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule to add. Ports 1 to 65535; for ICMP `port_min` is the type, `port_max` the code."""

    group: str
    direction: str = "ingress"
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    remote_prefix: str | None = None
    remote_group: str | None = None
    description: str = ""


class SecurityGroups(Service):
    """Security groups of the caller's project."""

    def create(self, name: str, description: str = "") -> SecurityGroup:
        """A new group that lets everything out and nothing in."""
        self.caller.require(Role.MEMBER, "create a security group")
        name = good_name(name)

        def act(change: Change) -> SecurityGroup:
            session, project_id = change.session, self.caller.project_id
            quota.check(session, project_id, {"security-groups": 1})
            query = select(SecurityGroup).where(
                SecurityGroup.project_id == project_id, SecurityGroup.name == name
            )
            if session.exec(query).first():
                raise Refused("security_group.exists", f"there is a security group {name} already")
            row = SecurityGroup(
                project_id=project_id, name=name, description=good_text(description, "description")
            )
            session.add(row)
            session.flush()
            for ethertype in ("IPv4", "IPv6"):
                session.add(
                    SecurityGroupRule(group_id=row.id, direction="egress", ethertype=ethertype)
                )
            self._touch(change, row)
            return row

        return self.context.perform("security_group.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[SecurityGroup]:
        """The caller's groups, by name."""
        with self.context.reading() as session:
            return own(session, SecurityGroup, self.caller, all_projects)

    def show(self, ref: str) -> SecurityGroup:
        """One group by id or name. Raises NotFound `security_group.not_found`."""
        with self.context.reading() as session:
            return find(session, SecurityGroup, ref, "security_group", self.caller)

    def rules(self, ref: str | None = None) -> Sequence[SecurityGroupRule]:
        """The rules of a group, or of all the caller's groups."""
        with self.context.reading() as session:
            if ref is None:
                groups = [row.id for row in own(session, SecurityGroup, self.caller, False)]
            else:
                groups = [find(session, SecurityGroup, ref, "security_group", self.caller).id]
            query = select(SecurityGroupRule).where(col(SecurityGroupRule.group_id).in_(groups))
            return list(session.exec(query))

    def delete(self, ref: str) -> None:
        """Remove a group. Raises Refused `security_group.in_use`, `security_group.default`."""
        self.caller.require(Role.MEMBER, "delete a security group")

        def act(change: Change) -> None:
            session = change.session
            row = find(session, SecurityGroup, ref, "security_group", self.caller)
            if row.name == "default":
                raise Refused("security_group.default", "the default group stays")
            ports = select(Port.id).join(
                PortSecurityGroup, col(PortSecurityGroup.port_id) == col(Port.id)
            )
            used = session.exec(ports.where(PortSecurityGroup.group_id == row.id)).all()
            remote = session.exec(
                select(SecurityGroupRule).where(
                    SecurityGroupRule.remote_group_id == row.id,
                    SecurityGroupRule.group_id != row.id,
                )
            ).all()
            if used or remote:
                raise Refused(
                    "security_group.in_use",
                    f"group {row.name} is used by {len(used)} ports and {len(remote)} rules",
                )
            for rule in session.exec(
                select(SecurityGroupRule).where(SecurityGroupRule.group_id == row.id)
            ):
                session.delete(rule)
            session.flush()
            session.delete(row)
            self._touch(change, row)

        self.context.perform("security_group.delete", act)

    def add_rule(self, new: NewRule) -> SecurityGroupRule:
        """Add a rule. Raises Refused `security_group.rule.invalid`, `.exists`."""
        self.caller.require(Role.MEMBER, "create a security group rule")
        prefix = _check(new)

        def act(change: Change) -> SecurityGroupRule:
            session = change.session
            group = find(session, SecurityGroup, new.group, "security_group", self.caller)
            quota.check(session, self.caller.project_id, {"security-group-rules": 1})
            remote = None
            if new.remote_group:
                remote = find(
                    session, SecurityGroup, new.remote_group, "security_group", self.caller
                )
            row = SecurityGroupRule(
                group_id=group.id,
                direction=new.direction,
                ethertype=new.ethertype,
                protocol=new.protocol,
                port_min=new.port_min,
                port_max=new.port_max,
                remote_prefix=prefix,
                remote_group_id=remote.id if remote else None,
                description=good_text(new.description, "description"),
            )
            _check_new(session, row)
            session.add(row)
            self._touch(change, group)
            return row

        return self.context.perform("security_group_rule.create", act)

    def remove_rule(self, rule_id: str) -> None:
        """Take a rule away. Raises NotFound `security_group_rule.not_found`."""
        self.caller.require(Role.MEMBER, "delete a security group rule")

        def act(change: Change) -> None:
            session = change.session
            row = session.get(SecurityGroupRule, rule_id) if is_id(rule_id) else None
            group = session.get(SecurityGroup, row.group_id) if row else None
            if row is None or group is None or not self.caller.sees(group.project_id):
                raise NotFound("security_group_rule.not_found", f"no rule {rule_id!a} here")
            session.delete(row)
            self._touch(change, group)

        self.context.perform("security_group_rule.delete", act)

    def _touch(self, change: Change, group: SecurityGroup) -> None:
        unit = Unit(Kind.PROJECT, group.project_id)
        change.about(unit, group.name)
        change.touch(unit, Unit(Kind.FIREWALL, self.context.settings.host))


def _check(new: NewRule) -> str | None:
    def refuse(text: str) -> Refused:
        return Refused("security_group.rule.invalid", text)

    if new.direction not in ("ingress", "egress") or new.ethertype not in ("IPv4", "IPv6"):
        raise refuse("a rule is ingress or egress, IPv4 or IPv6")
    if new.protocol is not None and not _is_protocol(new.protocol):
        known = ", ".join((*PROTOCOLS, *PROTOCOL_NUMBERS))
        raise refuse(f"protocol {new.protocol!a}: there are {known}, and numbers to 255")
    if new.remote_prefix and new.remote_group:
        raise refuse("a rule has a remote prefix or a remote group, not both")
    ports = (new.port_min, new.port_max)
    icmp = new.protocol in ("icmp", "ipv6-icmp")
    if any(port is not None for port in ports):
        if new.protocol not in PROTOCOLS:
            raise refuse(f"a port range takes a protocol that has ports: {', '.join(PROTOCOLS)}")
        if icmp and new.port_min is None:
            raise refuse("an ICMP code takes a type")
        low, high = (0, 255) if icmp else (1, 65535)
        if any(port is not None and not low <= port <= high for port in ports):
            raise refuse(f"{'type and code' if icmp else 'ports'} are {low} to {high}")
        if not icmp and (None in ports or (new.port_min or 0) > (new.port_max or 0)):
            raise refuse("a port range has a start and an end, in this order")
    if not new.remote_prefix:
        return None
    if new.remote_prefix in ("0.0.0.0/0", "::/0"):
        return new.remote_prefix
    try:
        network = ipaddress.ip_network(new.remote_prefix, strict=False)
    except ValueError:
        raise refuse(f"no prefix: {new.remote_prefix!a}") from None
    if f"IPv{network.version}" != new.ethertype:
        raise refuse(f"{network} is not {new.ethertype}")
    return str(network)


def _is_protocol(text: str) -> bool:
    number = text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) <= 255
    return number or text in PROTOCOLS or text in PROTOCOL_NUMBERS


def _check_new(session: Session, row: SecurityGroupRule) -> None:
    same = select(SecurityGroupRule).where(
        SecurityGroupRule.group_id == row.group_id,
        SecurityGroupRule.direction == row.direction,
        SecurityGroupRule.ethertype == row.ethertype,
        SecurityGroupRule.protocol == row.protocol,
        SecurityGroupRule.port_min == row.port_min,
        SecurityGroupRule.port_max == row.port_max,
        SecurityGroupRule.remote_prefix == row.remote_prefix,
        SecurityGroupRule.remote_group_id == row.remote_group_id,
    )
    if session.exec(same).first() is not None:
        raise Refused("security_group.rule.exists", "the group has this rule already")
