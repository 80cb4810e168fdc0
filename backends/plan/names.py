"""What a person calls the things that steps name by id."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backends.records.snapshot import Records

# Not within a longer name: `qdhcp-<id>` is what the machine calls it.
_UUID = re.compile(r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])")


def names(records: Records) -> dict[str, str]:
    """Ids of named records with their names; a port without one goes by its owner's.

    A floating IP goes by its address.
    """
    found: dict[str, str] = {}
    for port in records.ports.values():
        device = records.instances.get(port.device_id) or records.routers.get(port.device_id)
        name = port.name or (f"of {device.name}" if device else "")
        if name:
            found[port.id] = name
    found |= {row.id: row.address for rows in records.floats_on.values() for row in rows}
    for table in (
        records.projects,
        records.images,
        records.networks,
        records.routers,
        records.volumes,
        records.snapshots,
        records.backups,
        records.instances,
    ):
        for id_, row in table.items():
            if row.name:
                found[id_] = row.name
    return found


def readable(text: str, named: Mapping[str, str]) -> str:
    """A step's line with names in place of the ids that have one."""
    return _UUID.sub(lambda match: named.get(match[0], match[0]), text)
