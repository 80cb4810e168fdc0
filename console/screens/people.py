"""Users, and the caller's key pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud


class Users(TablePanel):
    """The users the caller may see."""

    slug = "users"
    heading = "Users"
    kinds = ("user",)
    noun = "user"
    columns = (
        Column("name", "NAME", lambda u: u.name, 18, 40, "N"),
        Column("enabled", "ENABLED", lambda u: "yes" if u.enabled else "no", 7, 8, "E",
               lambda u: "" if u.enabled else "warn"),
        Column("email", "E-MAIL", lambda u: u.email, 20, 40, "M"),
        Column("age", "AGE", lambda u: words.age(u.created_at), 4, 5, "A",
               order=lambda u: -u.created_at, right=True),
        Column("description", "DESCRIPTION", lambda u: u.description, 16, 60, "D"),
    )  # fmt: skip

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The users."""
        return cloud.identity.users()


class KeyPairs(TablePanel):
    """SSH keys that instances are given."""

    slug = "keypairs"
    heading = "Key pairs"
    kinds = ("keypair",)
    noun = "keypair"
    columns = (
        Column("name", "NAME", lambda k: k.name, 20, 40, "N"),
        Column("fingerprint", "FINGERPRINT", lambda k: k.fingerprint, 50, 52, "F"),
        Column("age", "AGE", lambda k: words.age(k.created_at), 4, 5, "A",
               order=lambda k: -k.created_at, right=True),
    )  # fmt: skip

    def key(self, item: Any) -> str:
        """A key pair is known by its name."""
        return str(item.name)

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The caller's key pairs."""
        return cloud.keypairs.list()
