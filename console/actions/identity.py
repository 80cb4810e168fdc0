"""Projects, users and key pairs."""

from __future__ import annotations

from console.actions.action import form, verb

form("project.create", "c", "Create", "create")
form("project.rename", "e", "Rename", "rename")
verb(
    "project.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.identity.delete_project(ids[0]),
    dangerous=True,
    hint=True,
)

form("user.create", "c", "Create", "create")
verb(
    "user.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.identity.delete_user(ids[0]),
    dangerous=True,
    hint=True,
)

form("keypair.create", "c", "Create", "create")
verb(
    "keypair.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.keypairs.delete(ids[0]),
    dangerous=True,
    hint=True,
)
