"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from backends.errors import NotFound, Refused
from backends.records.identity import Role

_RANK = {Role.READER: 0, Role.MEMBER: 1, Role.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class Caller:
    """A user at work in a project.

    `admin` may see and change everything in the cloud (local root, or the admin role without a
    project); `role` is what the user may do in `project_id`. `read_only` forbids every change.
    """

    user: str
    user_id: str | None
    project_id: str
    role: Role
    admin: bool = False
    read_only: bool = False
    # The user of the machine as whom files are opened that are named by a path.
    uid: int = 0

    @property
    def writes(self) -> bool:
        """Whether there is anything the caller may change."""
        return not self.read_only and (self.admin or _RANK[self.role] >= _RANK[Role.MEMBER])

    def require(self, role: Role, verb: str) -> None:
        """Raises Refused `readonly`, `right.missing` where the caller may not do the verb."""
        if self.read_only and role is not Role.READER:
            raise Refused("readonly", f"read-only: {verb} is not offered here")
        if not self.admin and _RANK[self.role] < _RANK[role]:
            raise Refused(
                "right.missing", f"{self.user} may not {verb}: it takes the {role.value} role"
            )

    def require_cloud_admin(self, verb: str) -> None:
        """Raises Refused where the caller is not the admin of the whole cloud."""
        if self.read_only:
            raise Refused("readonly", f"read-only: {verb} is not offered here")
        if not self.admin:
            raise Refused(
                "right.missing", f"{self.user} may not {verb}: only the cloud's admin may"
            )

    def sees(self, project_id: str) -> bool:
        """Whether a project's things are the caller's to see."""
        return self.admin or project_id == self.project_id

    def check_sees(self, project_id: str, what: str) -> None:
        """Raises NotFound, as if it were not there, where the caller may not see it."""
        if not self.sees(project_id):
            raise NotFound(f"{what}.not_found", f"no such {what}")
