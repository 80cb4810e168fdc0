"""Volumes: what is kept of them, their groups, offers, types, limits and pools."""

from __future__ import annotations

from console.actions.action import deletion, form, verb, view
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
deletion("volume", lambda cloud, ids: cloud.volumes.delete(*ids), bulk=True)
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
deletion("snapshot", lambda cloud, ids: cloud.snapshots.delete(*ids), bulk=True)

form("backup.create", "c", "Create", "create")
form("backup.rename", "e", "Rename", "rename")
form("backup.volume", "l", "Volume of it", "make_volume")
form("backup.restore", "r", "Restore", "restore")
verb("backup.verify", "v", "Verify", lambda cloud, ids: cloud.backups.verify(ids[0]), hint=True)
deletion("backup", lambda cloud, ids: cloud.backups.delete(*ids), bulk=True)

form("volume_group.create", "c", "Create", "create")
form("volume_group.edit", "e", "Change", "edit")
form("volume_group.volume", "a", "Add volume", "add_volume")
form("volume_group.snapshot", "n", "Snapshot", "snapshot")
view("volume_group.snapshots", "s", "Snapshots", "snapshots")
deletion("volume_group", lambda cloud, ids: cloud.volume_groups.delete(*ids), bulk=True)

form("group_volume.add", "c", "Add", "add")
form("group_volume.remove", "ctrl+d", "Take out", "remove_selected")

form("group_snapshot.create", "c", "Create", "create")
deletion("group_snapshot", lambda cloud, ids: cloud.volume_groups.delete_snapshot(*ids), bulk=True)

form("transfer.create", "c", "Offer", "create")
form("transfer.accept", "a", "Accept", "accept")
deletion("transfer", lambda cloud, ids: cloud.transfers.delete(*ids), "Take back", bulk=True)

form("pool.create", "c", "Create", "create")
form("pool.edit", "e", "Change", "edit")
view("pool.types", "t", "Types", "types")
deletion("pool", lambda cloud, ids: cloud.pools.delete(ids[0]))

form("volume_type.create", "c", "Create", "create")
form("volume_type.edit", "e", "Change", "edit")
view("volume_type.limits", "l", "Limits", "limits")
deletion("volume_type", lambda cloud, ids: cloud.volume_types.delete(*ids), bulk=True)

form("volume_qos.create", "c", "Create", "create")
form("volume_qos.edit", "e", "Change", "edit")
deletion("volume_qos", lambda cloud, ids: cloud.volume_types.qos_delete(*ids), bulk=True)
