"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.network import Port
from backends.records.security import (
    AddressGroup,
    PortSecurityGroup,
    SecurityGroup,
    SecurityGroupRule,
)
from backends.records.unit import Kind, Unit
from backends.services import quota
from backends.services.base import Service, find, good_name, good_text, is_id, own
from backends.services.security_rule import PROTOCOLS, NewRule, checked

__all__ = ["PROTOCOLS", "NewRule", "SecurityGroups"]


class SecurityGroups(Service):
    """Security groups of the caller's project."""

    def create(self, name: str, description: str = "", *, stateful: bool = True) -> SecurityGroup:
        """A new group that lets everything out and nothing in.

        Not `stateful`, its rules decide about each packet: answers take rules of their own.
        Raises Refused `security_group.exists`.
        """
        self.caller.require(Role.MEMBER, "create a security group")
        name = good_name(name)

        def act(change: Change) -> SecurityGroup:
            session, project_id = change.session, self.caller.project_id
            quota.check(session, project_id, {"security-groups": 1, "security-group-rules": 2})
            _check_free(session, project_id, name)
            row = SecurityGroup(
                project_id=project_id,
                name=name,
                description=good_text(description, "description"),
                stateful=stateful,
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

    def rules(
        self, ref: str | None = None, *, all_projects: bool = False
    ) -> Sequence[SecurityGroupRule]:
        """The rules of a group, or of all the caller's groups (the admin's choice: of all)."""
        with self.context.reading() as session:
            if ref is None:
                groups = [row.id for row in own(session, SecurityGroup, self.caller, all_projects)]
            else:
                groups = [find(session, SecurityGroup, ref, "security_group", self.caller).id]
            query = select(SecurityGroupRule).where(col(SecurityGroupRule.group_id).in_(groups))
            return list(session.exec(query))

    def rule(self, rule_id: str) -> SecurityGroupRule:
        """One rule by id. Raises NotFound `security_group_rule.not_found`."""
        with self.context.reading() as session:
            return self._rule(session, rule_id)[0]

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        stateful: bool | None = None,
    ) -> SecurityGroup:
        """Change a group. Raises Refused `security_group.exists`, `.default`, `.in_use`.

        Whether it is stateful is changed only while no port has the group, as in Neutron.
        """
        self.caller.require(Role.MEMBER, "change a security group")

        def act(change: Change) -> SecurityGroup:
            session = change.session
            row = find(session, SecurityGroup, ref, "security_group", self.caller)
            if name is not None and (wanted := good_name(name)) != row.name:
                if row.name == "default":
                    raise Refused("security_group.default", "the default group keeps its name")
                _check_free(session, row.project_id, wanted)
                row.name = wanted
                # Guests read the names of their groups in their metadata.
                change.touch(*_networks(session, row))
            if description is not None:
                row.description = good_text(description, "description")
            if stateful is not None and stateful != row.stateful:
                _check_no_ports(session, row)
                row.stateful = stateful
            self._touch(change, row)
            return row

        return self.context.perform("security_group.set", act)

    def delete(self, ref: str) -> None:
        """Remove a group. Raises Refused `security_group.in_use`, `security_group.default`."""
        self.caller.require(Role.MEMBER, "delete a security group")

        def act(change: Change) -> None:
            session = change.session
            row = find(session, SecurityGroup, ref, "security_group", self.caller)
            if row.name == "default":
                raise Refused("security_group.default", "the default group stays")
            used = _ports_of(session, row)
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
        new = checked(new)

        return self.context.perform(
            "security_group_rule.create", lambda change: self._add(change, new)
        )

    def _add(self, change: Change, new: NewRule) -> SecurityGroupRule:
        session = change.session
        group = find(session, SecurityGroup, new.group, "security_group", self.caller)
        quota.check(session, group.project_id, {"security-group-rules": 1})
        row = SecurityGroupRule(
            group_id=group.id,
            direction=new.direction,
            ethertype=new.ethertype,
            protocol=new.protocol,
            port_min=new.port_min,
            port_max=new.port_max,
            remote_prefix=new.remote_prefix,
            remote_group_id=self._remote(session, new.remote_group),
            remote_address_group_id=self._addresses(session, new, group),
            description=good_text(new.description, "description"),
        )
        _check_new(session, row)
        session.add(row)
        self._touch(change, group)
        return row

    def replace_rule(self, rule_id: str, new: NewRule) -> SecurityGroupRule:
        """Another rule in a rule's place. What both allow goes on. Raises as `add_rule` does."""
        self.caller.require(Role.MEMBER, "change a security group rule")
        new = checked(new)

        def act(change: Change) -> SecurityGroupRule:
            session = change.session
            row, old = self._rule(session, rule_id)
            session.delete(row)
            session.flush()
            self._touch(change, old)
            return self._add(change, new)

        return self.context.perform("security_group_rule.replace", act)

    def remove_rule(self, rule_id: str) -> None:
        """Take a rule away. Raises NotFound `security_group_rule.not_found`."""
        self.caller.require(Role.MEMBER, "delete a security group rule")

        def act(change: Change) -> None:
            row, group = self._rule(change.session, rule_id)
            change.session.delete(row)
            self._touch(change, group)

        self.context.perform("security_group_rule.delete", act)

    def _rule(self, session: Session, rule_id: str) -> tuple[SecurityGroupRule, SecurityGroup]:
        row = session.get(SecurityGroupRule, rule_id) if is_id(rule_id) else None
        group = session.get(SecurityGroup, row.group_id) if row else None
        if row is None or group is None or not self.caller.sees(group.project_id):
            raise NotFound("security_group_rule.not_found", f"no rule {rule_id!r} here")
        return row, group

    def _remote(self, session: Session, ref: str | None) -> str | None:
        if not ref:
            return None
        return find(session, SecurityGroup, ref, "security_group", self.caller).id

    def _addresses(self, session: Session, new: NewRule, group: SecurityGroup) -> str | None:
        if not new.remote_address_group:
            return None
        row = find(session, AddressGroup, new.remote_address_group, "address_group", self.caller)
        # A project's label carries its rules and what they name.
        if row.project_id != group.project_id:
            text = f"no address group {new.remote_address_group!r} in the project of {group.name}"
            raise NotFound("address_group.not_found", text)
        return row.id

    def _touch(self, change: Change, group: SecurityGroup) -> None:
        unit = Unit(Kind.PROJECT, group.project_id)
        change.about(unit, group.name)
        change.touch(unit, Unit(Kind.FIREWALL, self.context.settings.host))


def _ports_of(session: Session, row: SecurityGroup) -> Sequence[str]:
    """The ports that have the group."""
    ports = select(Port.id).join(PortSecurityGroup, col(PortSecurityGroup.port_id) == col(Port.id))
    return session.exec(ports.where(PortSecurityGroup.group_id == row.id)).all()


def _check_no_ports(session: Session, row: SecurityGroup) -> None:
    used = _ports_of(session, row)
    if used:
        raise Refused(
            "security_group.in_use",
            f"{len(used)} ports have group {row.name}: take it from them first",
        )


def _check_free(session: Session, project_id: str, name: str) -> None:
    query = select(SecurityGroup).where(
        SecurityGroup.project_id == project_id, SecurityGroup.name == name
    )
    if session.exec(query).first():
        raise Refused("security_group.exists", f"there is a security group {name} already")


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
        SecurityGroupRule.remote_address_group_id == row.remote_address_group_id,
    )
    if session.exec(same).first() is not None:
        raise Refused("security_group.rule.exists", "the group has this rule already")


def _networks(session: Session, group: SecurityGroup) -> list[Unit]:
    """The networks of the ports that have the group."""
    query = (
        select(Port.network_id)
        .join(PortSecurityGroup, col(PortSecurityGroup.port_id) == col(Port.id))
        .where(PortSecurityGroup.group_id == group.id)
        .distinct()
    )
    return [Unit(Kind.NETWORK, id_) for id_ in session.exec(query)]
