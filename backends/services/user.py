"""Users, their passwords, and groups (Keystone's nouns)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete
from sqlmodel import Session, col, select

from backends.caller import Caller
from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import (
    DEFAULT_DOMAIN,
    Group,
    GroupMember,
    KeyPair,
    RoleAssignment,
    User,
)
from backends.services.base import Service, find, good_name, good_text
from backends.services.project import check_free, require_domain, require_project


class Users(Service):
    """Users and groups. Changing them takes the cloud's admin; a password, its owner."""

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
        name = good_name(name)
        hashed = hash_password(password) if password is not None else None

        def act(change: Change) -> User:
            domain_id = require_domain(change.session, domain).id
            check_free(change.session, User, name, domain_id)
            row = User(
                name=name,
                domain_id=domain_id,
                email=good_text(email, "mail address"),
                description=good_text(description, "description"),
                enabled=enabled,
                password_hash=hashed,
                default_project_id=require_project(change.session, self.caller, project).id
                if project
                else None,
            )
            change.session.add(row)
            return row

        return self.context.perform("user.create", act)

    def users(self) -> Sequence[User]:
        """All users for the cloud's admin, else the caller alone."""
        with self.context.reading() as session:
            query = select(User).order_by(User.name)
            if not self.caller.admin:
                query = query.where(User.id == self.caller.user_id)
            return list(session.exec(query))

    def user(self, ref: str) -> User:
        """One user by id or name."""
        with self.context.reading() as session:
            return require_user(session, self.caller, ref)

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
        if self.caller.read_only:
            self.caller.require_cloud_admin("change a user")
        hashed = hash_password(password) if password is not None else None

        def act(change: Change) -> User:
            row = require_user(change.session, self.caller, ref)
            only_password = all(v is None for v in (name, email, description, enabled, project))
            if not (only_password and row.id == self.caller.user_id and not self.caller.read_only):
                self.caller.require_cloud_admin("change a user")
            if name is not None and (new := good_name(name)) != row.name:
                check_free(change.session, User, new, row.domain_id)
                row.name = new
            row.password_hash = hashed or row.password_hash
            row.email = row.email if email is None else good_text(email, "mail address")
            if description is not None:
                row.description = good_text(description, "description")
            row.enabled = row.enabled if enabled is None else enabled
            if project is not None:
                row.default_project_id = require_project(change.session, self.caller, project).id
            return row

        return self.context.perform("user.set", act)

    def delete_user(self, ref: str) -> None:
        """Remove a user with key pairs, memberships and roles."""
        self.caller.require_cloud_admin("delete a user")

        def act(change: Change) -> None:
            row = require_user(change.session, self.caller, ref)
            for table in (RoleAssignment, GroupMember, KeyPair):
                change.session.execute(delete(table).where(col(table.user_id) == row.id))
            change.session.delete(row)

        self.context.perform("user.delete", act)

    # Groups

    def create_group(
        self, name: str, *, domain: str = DEFAULT_DOMAIN, description: str = ""
    ) -> Group:
        """A new, empty group."""
        self.caller.require_cloud_admin("create a group")
        name = good_name(name, longest=64)

        def act(change: Change) -> Group:
            domain_id = require_domain(change.session, domain).id
            check_free(change.session, Group, name, domain_id)
            row = Group(
                name=name, domain_id=domain_id, description=good_text(description, "description")
            )
            change.session.add(row)
            return row

        return self.context.perform("group.create", act)

    def groups(self) -> Sequence[Group]:
        """All groups."""
        with self.context.reading() as session:
            return list(session.exec(select(Group).order_by(Group.name)))

    def delete_group(self, ref: str) -> None:
        """Remove a group with its memberships and roles."""
        self.caller.require_cloud_admin("delete a group")

        def act(change: Change) -> None:
            row = find(change.session, Group, ref, "group", self.caller)
            for table in (RoleAssignment, GroupMember):
                change.session.execute(delete(table).where(col(table.group_id) == row.id))
            change.session.delete(row)

        self.context.perform("group.delete", act)

    def set_member(self, group: str, user: str, member: bool) -> None:
        """Put a user into a group, or out of it; that it is so already is no error."""
        self.caller.require_cloud_admin("change a group")

        def act(change: Change) -> None:
            group_id = find(change.session, Group, group, "group", self.caller).id
            user_id = require_user(change.session, self.caller, user).id
            row = change.session.get(GroupMember, (group_id, user_id))
            if member and row is None:
                change.session.add(GroupMember(group_id=group_id, user_id=user_id))
            elif not member and row is not None:
                change.session.delete(row)

        self.context.perform("group.member", act)


def require_user(session: Session, caller: Caller, ref: str) -> User:
    """A user the caller may see. Raises NotFound `user.not_found`."""
    row = find(session, User, ref, "user", caller)
    if not caller.admin and row.id != caller.user_id:
        raise NotFound("user.not_found", f"no user {ref!r} here")
    return row


def check_password(password: str) -> None:
    """Raises Refused `user.password.short` for one that is too short."""
    if len(password) < 8:
        raise Refused("user.password.short", "a password has at least 8 characters")


def hash_password(password: str) -> str:
    """An Argon2id hash (RFC 9106). Raises Refused `user.password.short`."""
    from argon2 import PasswordHasher

    check_password(password)
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
