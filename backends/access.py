"""Which cloud, and as whom. Imports next to nothing: a screen can be shown before the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from backends.errors import Refused
from backends.settings import DEFAULT_CLOUD, OVS_RUN

STATE_ROOT = Path("/var/lib/quarterdeck")
RUN_ROOT = Path("/run/quarterdeck")


@dataclass(frozen=True, slots=True)
class Access:
    """Which cloud, and as whom: what the command line and the environment say.

    `user` None is local root as the cloud's admin; `project` None is the user's default project.
    `user_domain` and `project_domain` (name or id) are where their names are looked for.
    `store` is a database URL or path, empty for SQLite in the cloud's state folder. `host` is what
    this machine is called in the store, empty for its own name; `ovs_run` is where its Open vSwitch
    has its sockets.
    """

    cloud: str = DEFAULT_CLOUD
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    project: str | None = None
    user_domain: str | None = None
    project_domain: str | None = None
    read_only: bool = False
    store: str = field(default="", repr=False)  # its URL may hold a password
    state_root: Path = STATE_ROOT
    run_root: Path = RUN_ROOT
    host: str = ""
    ovs_run: Path = OVS_RUN

    def check_writes(self, verb: str) -> None:
        """Raises Refused `readonly` where nothing may be changed."""
        if self.read_only:
            raise Refused("readonly", f"read-only: {verb} is not offered here")
