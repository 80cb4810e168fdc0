"""Role assignments: who may do what where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Group, Project, Role, RoleAssignment, User
from backends.services.base import Service, find
from backends.services.project import require_project
from backends.services.user import require_user


class Roles(Service):
    """Roles of users and groups. Changing them takes the cloud's admin."""

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
    ) -> Sequence[dict[str, str]]:
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
                query = query.where(
                    RoleAssignment.user_id == require_user(session, self.caller, user).id
                )
            if project is not None:
                query = query.where(
                    RoleAssignment.project_id == require_project(session, self.caller, project).id
                )
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
            user_id = require_user(session, self.caller, user).id if user else None
            group_id = find(session, Group, group, "group", self.caller).id if group else None
            project_id = require_project(session, self.caller, project).id if project else None
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


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise NotFound(
            "role.not_found", f"no role {name!r}; there are admin, member, reader"
        ) from None
