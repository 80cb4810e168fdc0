"""Which of the machine's conntrack zones are a cloud's own: claimed when the cloud is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backends.access import Access
from backends.drivers.ovs.facts import CLOUD, ZONE_SLOT
from backends.drivers.ovs.ovsdb import Ovsdb
from backends.drivers.ovs.tables import read_all
from backends.errors import Refused
from backends.locks import Lock
from backends.plan.firewall.zones import pick_slot

# Seconds to wait for a cloud that is just being made.
_PATIENCE = 120.0


@contextmanager
def claimed(access: Access) -> Iterator[int]:
    """A slot that no other cloud's bridge carries on its label.

    Hold it until the bridge of this one does: only one cloud of a machine claims at a time.
    Raises Refused `cloud.zones.exhausted`, `cloud.init.busy`, MachineFailed `ovs.unreachable`.
    """
    access.run_root.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = Lock(access.run_root / "zones.lock")
    if not lock.acquire(_PATIENCE):
        raise Refused("cloud.init.busy", "another cloud is being made on this machine; try again")
    try:
        yield pick_slot(access.cloud, taken(access))
    finally:
        lock.release()


def taken(access: Access) -> set[int]:
    """The slots that other clouds' bridges carry. Raises MachineFailed `ovs.unreachable`."""
    return {
        int(each.labels[ZONE_SLOT])
        for each in read_all(Ovsdb(access.ovs_run)).bridges.values()
        if each.labels.get(CLOUD) != access.cloud and each.labels.get(ZONE_SLOT, "").isdecimal()
    }
