"""Who a caller is: local root, or a user of the cloud with a password, in a project."""

from __future__ import annotations

import os
from dataclasses import replace

from sqlmodel import Session, select

from backends.access import Access
from backends.caller import Caller
from backends.drivers.qemu_img.person import NOBODY
from backends.errors import NotFound, Refused
from backends.records.identity import DEFAULT_DOMAIN, Project, Role, RoleAssignment, User


def caller_of(session: Session, access: Access) -> Caller:
    """Whom the access is of.

    Raises Refused `caller.*`, `project.disabled`; NotFound `project.not_found`, `domain.not_found`.
    """
    if access.user is None:
        if os.geteuid() != 0:
            raise Refused("caller.unknown", "say who you are: OS_USERNAME, OS_PROJECT_NAME")
        mine = select(User).where(User.name == "admin", User.domain_id == DEFAULT_DOMAIN)
        user = session.exec(mine).first()
        project = _project(session, access.project or "admin", access.project_domain)
        return Caller(
            user="admin",
            user_id=user.id if user else None,
            project_id=project.id,
            role=Role.ADMIN,
            admin=True,
            read_only=access.read_only,
        )
    return _user_caller(session, access, access.user)


def _user_caller(session: Session, access: Access, name: str) -> Caller:
    from backends.services.project import projects_of
    from backends.services.user import verify_password

    denied = Refused("caller.denied", f"{name}: wrong user, password or project")
    domain = _domain(session, access.user_domain)
    named = select(User).where(User.name == name, User.domain_id == domain)
    user = session.exec(named).first()
    if user is None or not user.enabled:
        raise denied
    # Root could read the store anyway, so root may act as anybody.
    if (access.password is not None or os.geteuid() != 0) and not verify_password(
        user.password_hash, access.password or ""
    ):
        raise denied
    everywhere = session.exec(
        select(RoleAssignment).where(
            RoleAssignment.user_id == user.id,
            RoleAssignment.project_id == None,  # noqa: E711
            RoleAssignment.role == Role.ADMIN,
        )
    ).first()
    allowed = projects_of(session, user.id)
    ref = access.project or user.default_project_id or next(iter(sorted(allowed)), None)
    if ref is None:
        raise Refused("caller.no_project", f"{name} has no role in any project")
    project = _project(session, ref, access.project_domain)
    if project.id not in allowed and everywhere is None:
        raise denied
    return Caller(
        user=user.name,
        user_id=user.id,
        project_id=project.id,
        role=Role.ADMIN if everywhere else _role_in(session, user.id, project.id),
        admin=everywhere is not None,
        read_only=access.read_only,
        uid=_machine_user(access),
    )


def _machine_user(access: Access) -> int:
    """Whom this process opens files as for a user of the cloud.

    Root may act as anybody, and stays root. Who gave a password is who became root by sudo, or
    else nobody that the machine knows.
    """
    if os.geteuid() != 0 or access.password is None:
        return os.geteuid()
    by_sudo = os.environ.get("SUDO_UID", "")
    return int(by_sudo) if by_sudo.isdecimal() and int(by_sudo) else NOBODY


def _role_in(session: Session, user_id: str, project_id: str) -> Role:
    from backends.services.project import roles_in

    order = list(Role)
    return max(roles_in(session, user_id, project_id), key=order.index)


def _project(session: Session, ref: str, domain: str | None) -> Project:
    named = select(Project).where(
        Project.name == ref, Project.domain_id == _domain(session, domain)
    )
    found = session.get(Project, ref) or session.exec(named).first()
    if found is None or found.absent:
        where = f" in domain {domain}" if domain else ""
        raise NotFound(
            "project.not_found", f"no project {ref!r}{where}; see `quarterdeck project list`"
        )
    if not found.enabled:
        raise Refused("project.disabled", f"project {found.name} is disabled")
    return found


def _domain(session: Session, ref: str | None) -> str:
    """The id of a domain, by id or name; of the default one where none is said."""
    from backends.services.project import require_domain

    return require_domain(session, ref).id if ref else DEFAULT_DOMAIN


def as_reader(caller: Caller) -> Caller:
    """The same with no right to change anything."""
    return replace(caller, role=Role.READER, read_only=True)
