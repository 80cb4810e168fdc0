"""A cloud's place on this machine: its store, its bridge, its host's name, its settings."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, closing
from pathlib import Path

from sqlmodel import Session, select

from backends.access import Access
from backends.errors import Refused
from backends.plan.firewall.zones import usual_slot
from backends.records.host import CloudRecord, HostRecord
from backends.records.store import Store
from backends.settings import DEFAULT_CLOUD, Settings, check_cloud_name
from backends.traits import datapath, domain_type


def store_url(access: Access) -> str:
    """The URL or path of a cloud's store."""
    return access.store or str(access.state_root / check_cloud_name(access.cloud) / "store.db")


def open_store(access: Access) -> Store:
    """The store of a cloud that is there, its schema up to date.

    Raises Refused `store.missing` before anything is made.
    """
    url = store_url(access)
    if not access.store and not Path(url).exists():
        raise Refused("cloud.missing", f"no cloud {access.cloud} here; run `quarterdeck init`")
    if not access.store and not os.access(url, os.R_OK):
        raise Refused("store.forbidden", f"{url} is root's alone; run as root or with sudo")
    with ExitStack() as refused:
        store = refused.enter_context(closing(Store(url, read_only=access.read_only)))
        store.prepare()
        refused.pop_all()
    return store


def bridge_name(cloud: str, *, plain: bool = True) -> str:
    """`br-int` for the default cloud; others add 4 hex digits of their name's digest.

    Not `plain` adds them for the default cloud too.
    """
    if plain and cloud == DEFAULT_CLOUD:
        return "br-int"
    return f"br-int-{hashlib.sha256(cloud.encode()).hexdigest()[:4]}"


def host_name(access: Access) -> str:
    """What this machine is called in the store."""
    return access.host or os.uname().nodename


def check_host(session: Session, access: Access) -> None:
    """Raises Refused `host.unknown` on a machine that is none of the cloud's several hosts."""
    names = session.exec(select(HostRecord.name)).all()
    here = host_name(access)
    if len(names) > 1 and here not in names:
        raise Refused(
            "host.unknown",
            f"this machine ({here}) is no host of cloud {access.cloud}; `quarterdeck init` with"
            " the same store makes it one",
        )


def settings_of(access: Access, record: CloudRecord) -> Settings:
    """The cloud's settings on this host."""
    return Settings(
        cloud=record.name,
        state=access.state_root / record.name,
        run=access.run_root / record.name,
        host=host_name(access),
        bridge=record.bridge,
        domain_type=domain_type(),
        datapath=datapath(),
        volume_group=record.volume_group,
        zone_slot=usual_slot(record.name) if record.zone_slot is None else record.zone_slot,
        ovs_run=access.ovs_run,
    )
