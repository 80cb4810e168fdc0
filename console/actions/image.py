"""Images, and the projects that one is shared with."""

from __future__ import annotations

from console.actions.action import deletion, form, verb, view

form("image.create", "c", "Create", "create")
form("image.edit", "e", "Change", "edit")
view("image.tree", "t", "Tree", "show_tree")
verb("image.verify", "v", "Verify", lambda cloud, ids: cloud.images.verify(ids[0]), hint=True)
form("image.convert", "f", "Convert", "convert", hint=False)
form("image.repair", "r", "Repair", "repair", hint=False)
form("image.save", "w", "Save to file", "save", hint=False)
form("image.active", "a", "Deactivate", "switch_active", hint=False)
form("image.cancel", "x", "Cancel", "cancel_work", hint=False)
view("image.members", "m", "Members", "members", hint=False)
form("image.answer", "o", "Answer offers", "answer", hint=False)
deletion("image", lambda cloud, ids: cloud.images.delete(ids[0]))

form("member.create", "c", "Share", "share")
form("member.remove", "ctrl+d", "Share no more", "remove_selected")
