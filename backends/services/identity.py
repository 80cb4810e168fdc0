"""Who there is and what they may do: domains, projects, users, groups, roles."""

from __future__ import annotations

from backends.services.project import Projects
from backends.services.role import Roles
from backends.services.user import Users


class Identity(Projects, Users, Roles):
    """All verbs of identity."""
