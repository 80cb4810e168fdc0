"""Volumes: what is kept of them, their groups, offers, types, limits and pools."""

from __future__ import annotations

from console.actions.action import form, verb, view
from console.moment import moment

form("volume.create", "c", "Create", "create")
form("volume.edit", "e", "Change", "edit")
form("volume.attach", "a", "Attach", "attach")
form("volume.detach", "u", "Detach", "detach")
form("volume.extend", "w", "Extend", "extend", hint=False)
form("volume.clone", "l", "Clone", "clone", hint=False)
form("volume.move", "m", "Move or retype", "move", hint=False)
form("volume.revert", "r", "Revert", "revert", hint=False)
form("volume.group", "i", "Into a group", "into_group", hint=False)
form("volume.offer", "h", "Hand over", "offer", hint=False)
view("volume.snapshots", "s", "Snapshots", "snapshots", hint=False)
view("volume.backups", "v", "Backups", "backups", hint=False)
view("volume.groups", "o", "Groups", "groups", hint=False)
view("volume.transfers", "f", "Transfers", "transfers", hint=False)
view("volume.tree", "t", "Tree of what is kept", "show_tree", hint=False)
view("volume.pools", "p", "Pools", "pools", hint=False)
verb(
    "volume.snapshot",
    "n",
    "Snapshot",
    lambda cloud, ids: cloud.snapshots.create(ids[0], moment(), force=True),
    hint=True,
)
verb(
    "volume.backup",
    "b",
    "Backup",
    lambda cloud, ids: cloud.backups.make(ids[0], moment()),
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
verb(
    "volume.purge",
    "ctrl+x",
    "Delete with snapshots",
    lambda cloud, ids: cloud.volumes.delete(*ids, cascade=True),
    dangerous=True,
    bulk=True,
)

form("snapshot.create", "c", "Create", "create")
form("snapshot.rename", "e", "Rename", "rename")
form("snapshot.volume", "l", "Volume of it", "make_volume")
form("snapshot.revert", "r", "Revert to it", "revert")
verb(
    "snapshot.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.snapshots.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

form("backup.create", "c", "Create", "create")
form("backup.rename", "e", "Rename", "rename")
form("backup.volume", "l", "Volume of it", "make_volume")
form("backup.restore", "r", "Restore", "restore")
verb("backup.verify", "v", "Verify", lambda cloud, ids: cloud.backups.verify(ids[0]), hint=True)
verb(
    "backup.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.backups.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

form("volume_group.create", "c", "Create", "create")
form("volume_group.edit", "e", "Change", "edit")
form("volume_group.volume", "a", "Add volume", "add_volume")
form("volume_group.snapshot", "n", "Snapshot", "snapshot")
view("volume_group.snapshots", "s", "Snapshots", "snapshots")
verb(
    "volume_group.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volume_groups.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

form("group_volume.add", "c", "Add", "add")
form("group_volume.remove", "ctrl+d", "Take out", "remove_selected")

form("group_snapshot.create", "c", "Create", "create")
verb(
    "group_snapshot.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volume_groups.delete_snapshot(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

form("transfer.create", "c", "Offer", "create")
form("transfer.accept", "a", "Accept", "accept")
verb(
    "transfer.delete",
    "ctrl+d",
    "Take back",
    lambda cloud, ids: cloud.transfers.delete(*ids),
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
view("volume_type.limits", "l", "Limits", "limits")
verb(
    "volume_type.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volume_types.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

form("volume_qos.create", "c", "Create", "create")
form("volume_qos.edit", "e", "Change", "edit")
verb(
    "volume_qos.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volume_types.qos_delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)
