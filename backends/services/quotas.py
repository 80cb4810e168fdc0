"""The verbs on quotas; how they are counted is in `quota`."""

from __future__ import annotations

from sqlmodel import Session

from backends.context import Change
from backends.errors import Refused
from backends.records.identity import Project, Quota
from backends.services import quota
from backends.services.base import Service, find

_MOST = (1 << 31) - 1


class Quotas(Service):
    """Limits and usage of projects."""

    def show(self, project: str | None = None) -> dict[str, tuple[int, int]]:
        """By resource: (limit, in use). -1 is no limit."""
        with self.context.reading() as session:
            id_ = self._project(session, project)
            limits, used = quota.limits(session, id_), quota.usage(session, id_)
            return {resource: (limits[resource], used[resource]) for resource in limits}

    def set(self, project: str, limits: dict[str, int]) -> None:
        """Set limits; -1 is none. Raises Refused `quota.unknown`, `quota.invalid`."""
        self.caller.require_cloud_admin("set quotas")
        for resource, limit in limits.items():
            if resource not in quota.DEFAULTS:
                known = ", ".join(quota.DEFAULTS)
                raise Refused("quota.unknown", f"no quota {resource!r}: there are {known}")
            if not quota.UNLIMITED <= limit <= _MOST:
                raise Refused(
                    "quota.invalid", f"a limit is 0 to {_MOST}, or -1 for none, not {limit}"
                )

        def act(change: Change) -> None:
            id_ = self._project(change.session, project)
            for resource, limit in limits.items():
                row = change.session.get(Quota, (id_, resource))
                if row is None:
                    row = Quota(project_id=id_, resource=resource, limit=limit)
                row.limit = limit
                change.session.add(row)

        self.context.perform("quota.set", act)

    def _project(self, session: Session, ref: str | None) -> str:
        if ref is None:
            return self.caller.project_id
        row = find(session, Project, ref, "project", self.caller)
        self.caller.check_sees(row.id, "project")
        return row.id
