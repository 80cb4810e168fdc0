"""Volumes on their way to another project: offered by one, taken by whoever knows the key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.tables import Volume, VolumeTransfer
from backends.records.unit import Kind, Unit
from backends.services import quota, storage
from backends.services.base import Service, find, good_name, is_id, own

_KEY_BYTES = 16


class NewTransfer(NamedTuple):
    """An offer, and the key that takes it: shown this once, and kept nowhere."""

    transfer: VolumeTransfer
    key: str


class Transfers(Service):
    """Offers of the caller's project, and those that are taken with a key."""

    def create(self, volume: str, name: str = "") -> NewTransfer:
        """Offer a volume that nobody has. Raises Refused `volume.in_use`, `volume.busy`."""
        self.caller.require(Role.MEMBER, "give a volume away")
        key = secrets.token_hex(_KEY_BYTES)

        def act(change: Change) -> VolumeTransfer:
            session = change.session
            row = find(session, Volume, volume, "volume", self.caller)
            storage.check_idle(session, row)
            storage.check_free(session, row, "give it away")
            if row.group_id:
                text = f"volume {row.name or row.id} is in a group; take it out first"
                raise Refused("volume_group.taken", text)
            transfer = VolumeTransfer(
                project_id=row.project_id,
                volume_id=row.id,
                name=good_name(name) if name else "",
                key_hash=_hash(key),
            )
            session.add(transfer)
            _about(change, row)
            return transfer

        return NewTransfer(self.context.perform("volume.transfer.create", act), key)

    def list(self, *, all_projects: bool = False) -> Sequence[VolumeTransfer]:
        """The offers of the caller's project, by name."""
        with self.context.reading() as session:
            return own(session, VolumeTransfer, self.caller, all_projects)

    def show(self, ref: str) -> VolumeTransfer:
        """One by id or name. Raises NotFound `transfer.not_found`."""
        with self.context.reading() as session:
            return find(session, VolumeTransfer, ref, "transfer", self.caller)

    def accept(self, transfer: str, key: str) -> Volume:
        """Take a volume, with its snapshots, into the caller's project.

        Raises NotFound `transfer.not_found` (also for a wrong key), Refused `quota.exceeded`.
        """
        self.caller.require(Role.MEMBER, "take a volume")

        def act(change: Change) -> Volume:
            session = change.session
            found = session.get(VolumeTransfer, transfer) if is_id(transfer) else None
            if found is None or not hmac.compare_digest(found.key_hash, _hash(key)):
                raise NotFound("transfer.not_found", "no such transfer, or another key is its own")
            row = session.get_one(Volume, found.volume_id)
            snapshots = storage.snapshots_of(session, row.id)
            wanted = {
                "volumes": 1,
                "gigabytes": row.size + sum(each.size for each in snapshots),
                "snapshots": len(snapshots),
            }
            quota.check(session, self.caller.project_id, wanted)
            row.project_id = self.caller.project_id
            for each in snapshots:
                each.project_id = self.caller.project_id
                change.touch(Unit(Kind.SNAPSHOT, each.id))
            session.delete(found)
            _about(change, row)
            return row

        return self.context.perform("volume.transfer.accept", act)

    def delete(self, *refs: str) -> None:
        """Take offers back."""
        self.caller.require(Role.MEMBER, "take an offer back")

        def act(change: Change) -> None:
            for ref in refs:
                row = find(change.session, VolumeTransfer, ref, "transfer", self.caller)
                _about(change, change.session.get_one(Volume, row.volume_id))
                change.session.delete(row)

        self.context.perform("volume.transfer.delete", act)


def _about(change: Change, row: Volume) -> None:
    unit = Unit(Kind.VOLUME, row.id)
    change.about(unit, row.name or row.id)
    change.touch(unit)


def _hash(key: str) -> str:
    """The key is 128 random bits: no salt and no slow hash make it harder to guess."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
