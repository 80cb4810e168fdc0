"""Volumes, their types and their pools."""

from __future__ import annotations

import time

from console.actions.action import form, verb, view


def _moment() -> str:
    """A name for what is made now."""
    return time.strftime("%Y-%m-%d %H:%M:%S").replace(":", ".")


form("volume.create", "c", "Create", "create")
form("volume.rename", "e", "Rename", "rename")
form("volume.attach", "a", "Attach", "attach")
form("volume.detach", "u", "Detach", "detach")
form("volume.extend", "w", "Extend", "extend", hint=False)
form("volume.clone", "l", "Clone", "clone", hint=False)
form("volume.revert", "r", "Revert", "revert", hint=False)
view("volume.tree", "t", "Tree", "show_tree", hint=False)
view("volume.pools", "p", "Pools", "pools", hint=False)
verb(
    "volume.snapshot",
    "n",
    "Snapshot",
    lambda cloud, ids: cloud.snapshots.create(ids[0], _moment(), force=True),
    hint=True,
)
verb(
    "volume.backup",
    "b",
    "Backup",
    lambda cloud, ids: cloud.backups.make(ids[0], _moment()),
    hint=True,
)
verb(
    "volume.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volumes.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

form("pool.create", "c", "Create", "create")
form("pool.edit", "e", "Change", "edit")
view("pool.types", "t", "Types", "types")
verb(
    "pool.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.pools.delete(ids[0]),
    dangerous=True,
    hint=True,
)

form("volume_type.create", "c", "Create", "create")
form("volume_type.edit", "e", "Change", "edit")
verb(
    "volume_type.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volume_types.delete(ids[0]),
    dangerous=True,
    hint=True,
)
