"""Take a whole cloud off the machine: what carries its label, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlmodel import select

from backends.access import Access
from backends.drivers.machine import Machine
from backends.drivers.step import Step
from backends.errors import QuarterdeckError, Refused
from backends.hosts import LocalHost
from backends.place import settings_of, store_url
from backends.plan.orphans import Orphan, orphans
from backends.records.host import CloudRecord
from backends.records.store import Store, is_path
from backends.rescue import cloud_record
from backends.settings import check_cloud_name

# The file names that a cloud's own state folder has at its top.
_OWN_FILES = ("store.db", "store.db-wal", "store.db-shm")
_OWN_FOLDERS = (
    "labels", "images", "volumes", "backups", "keys", "instances", "dhcp", "ra", "metadata",
    "errors",
)  # fmt: skip


def plan(access: Access) -> tuple[Orphan, ...]:
    """Everything of the cloud on this machine, in the order in which it is taken away.

    Reads the machine's labels alone: the store may be lost. Raises Refused `cloud.missing`.
    """
    machine = _machine(access)
    try:
        return tuple(orphans(None, machine.look(), machine.settings))
    finally:
        machine.close()


def destroy(access: Access, report: Callable[[Step], None] | None = None) -> int:
    """Take it away, store and folders last; returns the number of steps taken.

    What fails is left with the store, so that it can be tried again; the first error is raised.
    Raises Refused `readonly`.
    """
    access.check_writes("take a cloud away")
    machine = _machine(access)
    failed: QuarterdeckError | None = None
    taken = 0
    try:
        machine.mount()
        for orphan in orphans(None, machine.look(), machine.settings):
            for step in orphan.steps:
                if report is not None:
                    report(step)
                try:
                    machine.apply(step, lambda share: None)
                except QuarterdeckError as error:
                    failed = failed or error
                    break
                taken += 1
        if failed is not None:
            raise failed
        machine.libvirt.take_keys_back()
        _remove_folders(machine)
    finally:
        machine.close()
    return taken


def _machine(access: Access) -> Machine:
    state = access.state_root / check_cloud_name(access.cloud)
    if not state.is_dir():
        raise Refused("cloud.missing", f"no cloud {access.cloud} here")
    record = _record(access) or cloud_record(access)
    settings = settings_of(access, record)
    return Machine(settings, LocalHost(settings.host, read_only=access.read_only))


def _record(access: Access) -> CloudRecord | None:
    """What the store says of itself, if it is there; its labels say the rest."""
    url = store_url(access)
    if is_path(url) and not Path(url).exists():
        return None
    # An open connection would keep the file system that the store is on from being unmounted.
    opened = closing(Store(url, read_only=True))
    with suppress(QuarterdeckError), opened as store, store.read() as session:
        return session.exec(select(CloudRecord)).first()
    return None


def _remove_folders(machine: Machine) -> None:
    """Our own files by name; a file that somebody else put there keeps the folder."""
    settings, host = machine.settings, machine.host
    for name in _OWN_FILES:
        host.remove(settings.state / name)
    for name in _OWN_FOLDERS:
        host.remove_tree(settings.state / name)
    host.remove_tree(settings.run)
    with suppress(OSError):
        settings.state.rmdir()
