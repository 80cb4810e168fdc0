"""Domains and projects (Keystone's nouns)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from backends.caller import Caller
from backends.context import Change
from backends.doom import doom
from backends.errors import NotFound, Refused
from backends.records.identity import (
    DEFAULT_DOMAIN,
    Domain,
    Group,
    GroupMember,
    Project,
    Role,
    RoleAssignment,
    User,
)
from backends.records.tables import (
    FloatingIp,
    Image,
    Instance,
    Network,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    SubnetPool,
    Volume,
)
from backends.records.unit import Kind, Unit
from backends.services.base import Service, find, good_name, good_text


class Projects(Service):
    """Domains and projects. Changing them takes the cloud's admin."""

    # Domains

    def create_domain(self, name: str, description: str = "") -> Domain:
        """A new domain. Raises Refused `domain.exists`."""
        self.caller.require_cloud_admin("create a domain")
        row = Domain(
            name=good_name(name, longest=64), description=good_text(description, "description")
        )

        def act(change: Change) -> Domain:
            check_free(change.session, Domain, name, None)
            change.session.add(row)
            change.touch(self._host())
            return row

        return self.context.perform("domain.create", act)

    def domains(self) -> Sequence[Domain]:
        """All domains, by name."""
        with self.context.reading() as session:
            return list(session.exec(select(Domain).order_by(Domain.name)))

    def delete_domain(self, ref: str) -> None:
        """Remove an empty domain. Raises Refused `domain.in_use`, `domain.default`."""
        self.caller.require_cloud_admin("delete a domain")

        def act(change: Change) -> None:
            row = require_domain(change.session, ref)
            if row.id == DEFAULT_DOMAIN:
                raise Refused("domain.default", "the default domain stays")
            for table in (Project, User, Group):
                if change.session.exec(select(table).where(table.domain_id == row.id)).first():
                    raise Refused("domain.in_use", f"domain {row.name} still has things in it")
            change.session.delete(row)
            change.touch(self._host())

        self.context.perform("domain.delete", act)

    # Projects

    def create_project(
        self, name: str, *, domain: str = DEFAULT_DOMAIN, description: str = ""
    ) -> Project:
        """A new project with its `default` security group. Raises Refused `project.exists`."""
        self.caller.require_cloud_admin("create a project")
        name = good_name(name, longest=64)
        good_text(description, "description")

        def act(change: Change) -> Project:
            domain_id = require_domain(change.session, domain).id
            check_free(change.session, Project, name, domain_id)
            return add_project(
                change, Project(name=name, domain_id=domain_id, description=description)
            )

        return self.context.perform("project.create", act)

    def projects(self) -> Sequence[Project]:
        """The projects the caller may see: their own, or all for the cloud's admin."""
        with self.context.reading() as session:
            query = select(Project).where(col(Project.absent).is_(False)).order_by(Project.name)
            if not self.caller.admin:
                query = query.where(col(Project.id).in_(visible_projects(session, self.caller)))
            return list(session.exec(query))

    def project(self, ref: str) -> Project:
        """One project by id or name. Raises NotFound `project.not_found`."""
        with self.context.reading() as session:
            return require_project(session, self.caller, ref)

    def set_project(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Project:
        """Change a project."""
        self.caller.require_cloud_admin("change a project")

        def act(change: Change) -> Project:
            row = require_project(change.session, self.caller, ref)
            if name is not None and (new := good_name(name, longest=64)) != row.name:
                check_free(change.session, Project, new, row.domain_id)
                row.name = new
            if description is not None:
                row.description = good_text(description, "description")
            if enabled is not None:
                row.enabled = enabled
            unit = Unit(Kind.PROJECT, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("project.set", act)

    def delete_project(self, ref: str) -> None:
        """Remove a project. Raises Refused `project.in_use` with what it still has."""
        self.caller.require_cloud_admin("delete a project")

        def act(change: Change) -> None:
            row = require_project(change.session, self.caller, ref)
            if row.id == self.caller.project_id:
                raise Refused("project.current", f"{row.name} is the project you work in")
            held = _holdings(change.session, row.id)
            if held:
                raise Refused("project.in_use", f"project {row.name} still has {held}")
            change.about(Unit(Kind.PROJECT, row.id), row.name)
            change.touch(*doom(change.session, Unit(Kind.PROJECT, row.id)))

        self.context.perform("project.delete", act)

    def _host(self) -> Unit:
        return Unit(Kind.HOST, self.context.settings.host)


def add_project(change: Change, row: Project) -> Project:
    """Add a project and its default group: egress allowed, ingress only from the group itself."""
    change.session.add(row)
    change.session.flush()
    add_default_group(change.session, row.id)
    change.make(Unit(Kind.PROJECT, row.id), row.name)
    return row


def add_default_group(session: Session, project_id: str) -> SecurityGroup:
    """The `default` security group of a project (Neutron's rules for it)."""
    group = SecurityGroup(
        project_id=project_id, name="default", description="Default security group"
    )
    session.add(group)
    session.flush()
    for ethertype in ("IPv4", "IPv6"):
        session.add(SecurityGroupRule(group_id=group.id, direction="egress", ethertype=ethertype))
        session.add(
            SecurityGroupRule(
                group_id=group.id,
                direction="ingress",
                ethertype=ethertype,
                remote_group_id=group.id,
            )
        )
    return group


def projects_of(session: Session, user_id: str | None) -> set[str]:
    """The projects in which a user has a role, directly or by a group."""
    groups = select(GroupMember.group_id).where(GroupMember.user_id == user_id)
    rows = session.exec(
        select(RoleAssignment.project_id).where(
            (col(RoleAssignment.user_id) == user_id) | col(RoleAssignment.group_id).in_(groups)
        )
    )
    return {row for row in rows if row is not None}


def roles_in(session: Session, user_id: str, project_id: str) -> set[Role]:
    """A user's roles in a project, directly or by a group."""
    groups = select(GroupMember.group_id).where(GroupMember.user_id == user_id)
    rows = session.exec(
        select(RoleAssignment.role).where(
            (col(RoleAssignment.user_id) == user_id) | col(RoleAssignment.group_id).in_(groups),
            RoleAssignment.project_id == project_id,
        )
    )
    return {Role(role) for role in rows}


def visible_projects(session: Session, caller: Caller) -> set[str]:
    """The projects that a caller may see by their roles, the one they work in among them."""
    return projects_of(session, caller.user_id) | {caller.project_id}


def require_project(session: Session, caller: Caller, ref: str) -> Project:
    """A project the caller may see. Raises NotFound `project.not_found`."""
    row = find(session, Project, ref, "project", caller)
    if not caller.admin and row.id not in visible_projects(session, caller):
        raise NotFound("project.not_found", f"no project {ref!r} here")
    return row


def require_domain(session: Session, ref: str) -> Domain:
    """A domain by id or name. Raises NotFound `domain.not_found`."""
    row = session.get(Domain, ref) or session.exec(select(Domain).where(Domain.name == ref)).first()
    if row is None:
        raise NotFound("domain.not_found", f"no domain {ref!r}")
    return row


def check_free(session: Session, table: Any, name: str, domain_id: str | None) -> None:
    """Raises Refused `<what>.exists` where the name is taken in the domain (or at all)."""
    query = select(table).where(table.name == name)
    if domain_id is not None:
        query = query.where(table.domain_id == domain_id)
    if session.exec(query).first() is not None:
        what = table.__name__.lower()
        raise Refused(f"{what}.exists", f"there is a {what} {name} already")


def _holdings(session: Session, project_id: str) -> str:
    names: dict[str, Any] = {
        "instances": Instance.name,
        "volumes": Volume.name,
        "floating IPs": FloatingIp.address,
        "routers": Router.name,
        "networks": Network.name,
        "images": Image.name,
        "subnet pools": SubnetPool.name,
    }
    held = []
    for what, name in names.items():
        rows = session.exec(select(name).where(name.class_.project_id == project_id)).all()
        if rows:
            held.append(f"{len(rows)} {what} ({', '.join(sorted(rows)[:3])})")
    return ", ".join(held)
