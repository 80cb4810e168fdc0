"""Domains, projects, users, groups, role assignments (Keystone's nouns)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.errors import NotFound, Refused
from backends.records.identity import (
    DEFAULT_DOMAIN,
    Domain,
    Group,
    GroupMember,
    KeyPair,
    Project,
    Role,
    RoleAssignment,
    User,
)
from backends.records.tables import Image, Instance, Network, SecurityGroup, SecurityGroupRule, Volume
from backends.records.unit import Kind, Unit
from backends.services.base import Service, find, good_name, good_text


class Identity(Service):
    """Who there is and what they may do. Changing it takes the cloud's admin."""

    # Domains

    def create_domain(self, name: str, description: str = "") -> Domain:
        """A new domain. Raises Refused `domain.exists`."""
        self.caller.require_cloud_admin("create a domain")
        row = Domain(name=good_name(name, longest=64), description=good_text(description, "description"))

        def act(change: Change) -> Domain:
            _check_free(change.session, Domain, name, None)
            change.session.add(row)
            change.touch(self._host())
            return row

        return self.context.perform("domain.create", act)

    def domains(self) -> list[Domain]:
        """All domains, by name."""
        with self.context.reading() as session:
            return list(session.exec(select(Domain).order_by(Domain.name)))

    def delete_domain(self, ref: str) -> None:
        """Remove an empty domain. Raises Refused `domain.in_use`, `domain.default`."""
        self.caller.require_cloud_admin("delete a domain")

        def act(change: Change) -> None:
            row = _domain(change.session, ref)
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
            domain_id = _domain(change.session, domain).id
            _check_free(change.session, Project, name, domain_id)
            return add_project(change, Project(name=name, domain_id=domain_id, description=description))

        return self.context.perform("project.create", act)

    def projects(self) -> list[Project]:
        """The projects the caller may see: their own, or all for the cloud's admin."""
        with self.context.reading() as session:
            query = select(Project).where(col(Project.absent).is_(False)).order_by(Project.name)
            if not self.caller.admin:
                query = query.where(col(Project.id).in_(self._projects_of_caller(session)))
            return list(session.exec(query))

    def project(self, ref: str) -> Project:
        """One project by id or name. Raises NotFound `project.not_found`."""
        with self.context.reading() as session:
            return self._project(session, ref)

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
            row = self._project(change.session, ref)
            if name is not None and name != row.name:
                _check_free(change.session, Project, good_name(name, longest=64), row.domain_id)
                row.name = name
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
            row = self._project(change.session, ref)
            if row.id == self.caller.project_id:
                raise Refused("project.current", f"{row.name} is the project you work in")
            held = _holdings(change.session, row.id)
            if held:
                raise Refused("project.in_use", f"project {row.name} still has {held}")
            change.about(Unit(Kind.PROJECT, row.id), row.name)
            change.touch(*doom(change.session, Unit(Kind.PROJECT, row.id)))

        self.context.perform("project.delete", act)

    # Users

    def create_user(
        self,
        name: str,
        *,
        password: str | None = None,
        domain: str = DEFAULT_DOMAIN,
        project: str | None = None,
        email: str = "",
        description: str = "",
        enabled: bool = True,
    ) -> User:
        """A new user. Raises Refused `user.exists`, `user.password.short`."""
        self.caller.require_cloud_admin("create a user")
        good_name(name)
        hashed = hash_password(password) if password is not None else None

        def act(change: Change) -> User:
            domain_id = _domain(change.session, domain).id
            _check_free(change.session, User, name, domain_id)
            row = User(
                name=name,
                domain_id=domain_id,
                email=good_text(email, "mail address"),
                description=good_text(description, "description"),
                enabled=enabled,
                password_hash=hashed,
                default_project_id=self._project(change.session, project).id if project else None,
            )
            change.session.add(row)
            return row

        return self.context.perform("user.create", act)

    def users(self) -> list[User]:
        """All users for the cloud's admin, else the caller alone."""
        with self.context.reading() as session:
            query = select(User).order_by(User.name)
            if not self.caller.admin:
                query = query.where(User.id == self.caller.user_id)
            return list(session.exec(query))

    def user(self, ref: str) -> User:
        """One user by id or name."""
        with self.context.reading() as session:
            return self._user(session, ref)

    def set_user(
        self,
        ref: str,
        *,
        name: str | None = None,
        password: str | None = None,
        email: str | None = None,
        description: str | None = None,
        enabled: bool | None = None,
        project: str | None = None,
    ) -> User:
        """Change a user; users may change their own password."""
        hashed = hash_password(password) if password is not None else None

        def act(change: Change) -> User:
            row = self._user(change.session, ref)
            only_password = all(v is None for v in (name, email, description, enabled, project))
            if not (only_password and row.id == self.caller.user_id and not self.caller.read_only):
                self.caller.require_cloud_admin("change a user")
            if name is not None and name != row.name:
                _check_free(change.session, User, good_name(name), row.domain_id)
                row.name = name
            row.password_hash = hashed or row.password_hash
            row.email = row.email if email is None else good_text(email, "mail address")
            if description is not None:
                row.description = good_text(description, "description")
            row.enabled = row.enabled if enabled is None else enabled
            if project is not None:
                row.default_project_id = self._project(change.session, project).id
            return row

        return self.context.perform("user.set", act)

    def delete_user(self, ref: str) -> None:
        """Remove a user with key pairs, memberships and roles."""
        self.caller.require_cloud_admin("delete a user")

        def act(change: Change) -> None:
            row = self._user(change.session, ref)
            for table in (RoleAssignment, GroupMember, KeyPair):
                change.session.execute(delete(table).where(col(table.user_id) == row.id))  # type: ignore[attr-defined]
            change.session.delete(row)

        self.context.perform("user.delete", act)

    # Groups

    def create_group(self, name: str, *, domain: str = DEFAULT_DOMAIN, description: str = "") -> Group:
        """A new, empty group."""
        self.caller.require_cloud_admin("create a group")
        good_name(name, longest=64)

        def act(change: Change) -> Group:
            domain_id = _domain(change.session, domain).id
            _check_free(change.session, Group, name, domain_id)
            row = Group(name=name, domain_id=domain_id, description=good_text(description, "description"))
            change.session.add(row)
            return row

        return self.context.perform("group.create", act)

    def groups(self) -> list[Group]:
        """All groups."""
        with self.context.reading() as session:
            return list(session.exec(select(Group).order_by(Group.name)))

    def delete_group(self, ref: str) -> None:
        """Remove a group with its memberships and roles."""
        self.caller.require_cloud_admin("delete a group")

        def act(change: Change) -> None:
            row = find(change.session, Group, ref, "group", self.caller)
            for table in (RoleAssignment, GroupMember):
                change.session.execute(delete(table).where(col(table.group_id) == row.id))  # type: ignore[attr-defined]
            change.session.delete(row)

        self.context.perform("group.delete", act)

    def set_member(self, group: str, user: str, member: bool) -> None:
        """Put a user into a group, or out of it; that it is so already is no error."""
        self.caller.require_cloud_admin("change a group")

        def act(change: Change) -> None:
            group_id = find(change.session, Group, group, "group", self.caller).id
            user_id = self._user(change.session, user).id
            row = change.session.get(GroupMember, (group_id, user_id))
            if member and row is None:
                change.session.add(GroupMember(group_id=group_id, user_id=user_id))
            elif not member and row is not None:
                change.session.delete(row)

        self.context.perform("group.member", act)

    # Roles

    def assign(
        self,
        role: str,
        *,
        user: str | None = None,
        group: str | None = None,
        project: str | None = None,
    ) -> None:
        """Give a role in a project (or in the whole cloud); that it is given is no error."""
        self._change_role(role, user, group, project, give=True)

    def withdraw(
        self,
        role: str,
        *,
        user: str | None = None,
        group: str | None = None,
        project: str | None = None,
    ) -> None:
        """Take a role away. Raises NotFound `role.not_assigned`."""
        self._change_role(role, user, group, project, give=False)

    def assignments(
        self, *, user: str | None = None, project: str | None = None
    ) -> list[dict[str, str]]:
        """Who has which role where: names under `role`, `user`, `group`, `project`."""
        with self.context.reading() as session:
            query: Any = (
                select(RoleAssignment.role, User.name, Group.name, Project.name)
                .outerjoin(User, col(User.id) == col(RoleAssignment.user_id))
                .outerjoin(Group, col(Group.id) == col(RoleAssignment.group_id))
                .outerjoin(Project, col(Project.id) == col(RoleAssignment.project_id))
            )
            if not self.caller.admin:
                query = query.where(RoleAssignment.user_id == self.caller.user_id)
            if user is not None:
                query = query.where(RoleAssignment.user_id == self._user(session, user).id)
            if project is not None:
                query = query.where(RoleAssignment.project_id == self._project(session, project).id)
            return [
                {"role": role.value, "user": u or "", "group": g or "", "project": p or ""}
                for role, u, g, p in session.exec(query)
            ]

    def _change_role(
        self, role: str, user: str | None, group: str | None, project: str | None, *, give: bool
    ) -> None:
        self.caller.require_cloud_admin("change roles")
        wanted = _role(role)
        if (user is None) == (group is None):
            raise Refused("role.who", "name a user or a group")

        def act(change: Change) -> None:
            session = change.session
            user_id = self._user(session, user).id if user else None
            group_id = find(session, Group, group, "group", self.caller).id if group else None
            project_id = self._project(session, project).id if project else None
            row = session.exec(
                select(RoleAssignment).where(
                    RoleAssignment.role == wanted,
                    RoleAssignment.user_id == user_id,
                    RoleAssignment.group_id == group_id,
                    RoleAssignment.project_id == project_id,
                )
            ).first()
            if give and row is None:
                session.add(
                    RoleAssignment(
                        role=wanted, user_id=user_id, group_id=group_id, project_id=project_id
                    )
                )
            elif not give and row is None:
                raise NotFound("role.not_assigned", f"the role {wanted.value} is not given there")
            elif not give:
                session.delete(row)

        self.context.perform("role.add" if give else "role.remove", act)

    def _project(self, session: Session, ref: str) -> Project:
        row = find(session, Project, ref, "project", self.caller)
        if not self.caller.admin and row.id not in self._projects_of_caller(session):
            raise NotFound("project.not_found", f"no project {ref!a} here")
        return row

    def _user(self, session: Session, ref: str) -> User:
        row = find(session, User, ref, "user", self.caller)
        if not self.caller.admin and row.id != self.caller.user_id:
            raise NotFound("user.not_found", f"no user {ref!a} here")
        return row

    def _projects_of_caller(self, session: Session) -> set[str]:
        return projects_of(session, self.caller.user_id) | {self.caller.project_id}

    def _host(self) -> Unit:
        return Unit(Kind.HOST, self.context.settings.host)


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
    return set(rows)


def add_project(change: Change, row: Project) -> Project:
    """Add a project and its default group: egress allowed, ingress only from the group itself."""
    change.session.add(row)
    change.session.flush()
    add_default_group(change.session, row.id)
    change.make(Unit(Kind.PROJECT, row.id), row.name)
    return row


def add_default_group(session: Session, project_id: str) -> SecurityGroup:
    """The `default` security group of a project (Neutron's rules for it)."""
    group = SecurityGroup(project_id=project_id, name="default", description="Default security group")
    session.add(group)
    session.flush()
    for ethertype in ("IPv4", "IPv6"):
        session.add(SecurityGroupRule(group_id=group.id, direction="egress", ethertype=ethertype))
        session.add(
            SecurityGroupRule(
                group_id=group.id, direction="ingress", ethertype=ethertype, remote_group_id=group.id
            )
        )
    return group


def hash_password(password: str) -> str:
    """An Argon2id hash (RFC 9106). Raises Refused `user.password.short`."""
    from argon2 import PasswordHasher

    if len(password) < 8:
        raise Refused("user.password.short", "a password has at least 8 characters")
    return PasswordHasher().hash(password)


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether this is the password that was hashed."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    if hashed is None:
        return False
    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise NotFound("role.not_found", f"no role {name!a}; there are admin, member, reader") from None


def _domain(session: Session, ref: str) -> Domain:
    row = session.get(Domain, ref) or session.exec(select(Domain).where(Domain.name == ref)).first()
    if row is None:
        raise NotFound("domain.not_found", f"no domain {ref!a}")
    return row


def _check_free(session: Session, table: Any, name: str, domain_id: str | None) -> None:
    query = select(table).where(table.name == name)
    if domain_id is not None:
        query = query.where(table.domain_id == domain_id)
    if session.exec(query).first() is not None:
        what = table.__name__.lower()
        raise Refused(f"{what}.exists", f"there is a {what} {name} already")


def _holdings(session: Session, project_id: str) -> str:
    tables = {"instances": Instance, "volumes": Volume, "networks": Network, "images": Image}
    held = []
    for what, table in tables.items():
        rows = session.exec(select(table.name).where(table.project_id == project_id)).all()  # type: ignore[attr-defined]
        if rows:
            held.append(f"{len(rows)} {what} ({', '.join(sorted(rows)[:3])})")
    return ", ".join(held)
