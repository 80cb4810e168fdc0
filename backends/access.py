"""Which cloud, and as whom. Imports next to nothing, so that a screen can be shown before the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.settings import DEFAULT_CLOUD

STATE_ROOT = Path("/var/lib/quarterdeck")
RUN_ROOT = Path("/run/quarterdeck")


@dataclass(frozen=True, slots=True)
class Access:
    """Which cloud, and as whom: what the command line and the environment say.

    `user` None is local root as the cloud's admin; `project` None is the user's default project.
    `store` is a database URL or path, empty for SQLite in the cloud's state folder.
    """

    cloud: str = DEFAULT_CLOUD
    user: str | None = None
    password: str | None = None
    project: str | None = None
    read_only: bool = False
    store: str = ""
    state_root: Path = STATE_ROOT
    run_root: Path = RUN_ROOT
