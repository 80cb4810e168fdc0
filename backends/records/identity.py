"""Who may do what: projects, users, groups, roles, quotas, key pairs (Keystone's words)."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp

DEFAULT_DOMAIN = "default"


class Role(StrEnum):
    """What a user may do in a project; a higher one implies the lower ones."""

    READER = "reader"
    MEMBER = "member"
    ADMIN = "admin"


class Domain(SQLModel, table=True):
    """A name space for projects, users and groups."""

    id: str = identifier()
    name: str = Field(unique=True, max_length=64)
    description: str = ""
    enabled: bool = True


class Project(SQLModel, table=True):
    """The owner of resources; none sees another's."""

    __table_args__ = (UniqueConstraint("domain_id", "name"),)

    id: str = identifier()
    domain_id: str = Field(default=DEFAULT_DOMAIN, foreign_key="domain.id")
    name: str = Field(max_length=64)
    description: str = ""
    enabled: bool = True
    created_at: float = timestamp()
    absent: bool = False


class User(SQLModel, table=True):
    """A person. The password is kept as an Argon2id hash (RFC 9106), or not at all."""

    __table_args__ = (UniqueConstraint("domain_id", "name"),)

    id: str = identifier()
    domain_id: str = Field(default=DEFAULT_DOMAIN, foreign_key="domain.id")
    name: str = Field(max_length=255)
    description: str = ""
    email: str = ""
    enabled: bool = True
    default_project_id: str | None = Field(default=None, foreign_key="project.id")
    password_hash: str | None = None
    created_at: float = timestamp()


class Group(SQLModel, table=True):
    """Users who are given roles together."""

    __tablename__ = "usergroup"
    __table_args__ = (UniqueConstraint("domain_id", "name"),)

    id: str = identifier()
    domain_id: str = Field(default=DEFAULT_DOMAIN, foreign_key="domain.id")
    name: str = Field(max_length=64)
    description: str = ""


class GroupMember(SQLModel, table=True):
    """A user in a group."""

    group_id: str = Field(foreign_key="usergroup.id", primary_key=True)
    user_id: str = Field(foreign_key="user.id", primary_key=True)


class RoleAssignment(SQLModel, table=True):
    """A role of a user or a group in a project, or (project_id empty) in the whole cloud."""

    __tablename__ = "roleassignment"
    __table_args__ = (UniqueConstraint("role", "user_id", "group_id", "project_id"),)

    id: str = identifier()
    role: Role
    user_id: str | None = Field(default=None, foreign_key="user.id", index=True)
    group_id: str | None = Field(default=None, foreign_key="usergroup.id", index=True)
    project_id: str | None = Field(default=None, foreign_key="project.id", index=True)


class Quota(SQLModel, table=True):
    """A project's limit on one resource; -1 is none. What is used is counted, never stored."""

    project_id: str = Field(foreign_key="project.id", primary_key=True)
    resource: str = Field(primary_key=True, max_length=32)
    limit: int


class KeyPair(SQLModel, table=True):
    """A user's SSH public key. The private half is never kept."""

    __tablename__ = "keypair"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: str = identifier()
    user_id: str = Field(foreign_key="user.id")
    name: str = Field(max_length=255)
    public_key: str
    fingerprint: str
    created_at: float = timestamp()
