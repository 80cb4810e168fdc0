"""Key pairs: SSH public keys that guests are given."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import KeyPair, Role
from backends.services.base import Service, compose, good_name


@dataclass(frozen=True, slots=True)
class NewKeyPair:
    """A key pair just made. `private_key` (OpenSSH format) is handed out once and never kept."""

    keypair: KeyPair
    private_key: str | None


class KeyPairs(Service):
    """The caller's own key pairs."""

    def create(self, name: str, public_key: str | None = None) -> NewKeyPair:
        """Keep a public key, or make an Ed25519 pair when none is given.

        Raises Refused `keypair.exists`, `keypair.invalid`.
        """
        self.caller.require(Role.MEMBER, "create a key pair")
        name = good_name(name)
        private = None
        if public_key is None:
            private, public_key = _generate(name)
        public_key = public_key.strip()
        fingerprint = fingerprint_of(public_key)

        def act(change: Change) -> NewKeyPair:
            if self._find(change.session, name) is not None:
                raise Refused("keypair.exists", f"there is a key pair {name} already")
            row = KeyPair(
                user_id=self._owner(), name=name, public_key=public_key, fingerprint=fingerprint
            )
            change.session.add(row)
            return NewKeyPair(row, private)

        return self.context.perform("keypair.create", act)

    def list(self) -> Sequence[KeyPair]:
        """The caller's key pairs, by name."""
        with self.context.reading() as session:
            query = select(KeyPair).where(KeyPair.user_id == self._owner()).order_by(KeyPair.name)
            return list(session.exec(query))

    def show(self, name: str) -> KeyPair:
        """One of the caller's key pairs. Raises NotFound `keypair.not_found`."""
        with self.context.reading() as session:
            return self.require(session, name)

    def delete(self, name: str) -> None:
        """Forget a key pair; guests keep the key they were given."""
        self.caller.require(Role.MEMBER, "delete a key pair")
        self.context.perform(
            "keypair.delete",
            lambda change: change.session.delete(self.require(change.session, name)),
        )

    def require(self, session: Session, name: str) -> KeyPair:
        """The key pair of that name. Raises NotFound `keypair.not_found`."""
        row = self._find(session, name)
        if row is None:
            raise NotFound("keypair.not_found", f"no key pair {name!r} here")
        return row

    def _find(self, session: Session, name: str) -> KeyPair | None:
        query = select(KeyPair).where(
            KeyPair.user_id == self._owner(), KeyPair.name == compose(name)
        )
        return session.exec(query).first()

    def _owner(self) -> str:
        if self.caller.user_id is None:
            raise Refused("keypair.no_user", "key pairs belong to a user, and you are none here")
        return self.caller.user_id


def fingerprint_of(public_key: str) -> str:
    """`SHA256:...` as ssh-keygen(1) prints it. Raises Refused `keypair.invalid`."""
    invalid = Refused(
        "keypair.invalid", "this is no SSH public key (`ssh-ed25519 AAAA... comment`)"
    )
    parts = public_key.split()
    if len(parts) < 2 or "\n" in public_key or len(public_key) > 16384:
        raise invalid
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except binascii.Error:
        raise invalid from None
    # RFC 4253, section 6.6: the blob begins with the algorithm's name as a string.
    length = int.from_bytes(blob[:4])
    if blob[4 : 4 + length] != parts[0].encode():
        raise invalid
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _generate(name: str) -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private, f"{public.decode()} {name}"
