"""A picture of a cloud: every record, and every real thing of it down to its bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
from sqlmodel import select

from backends.records import tables
from tests.real.lab import Lab, run

# Files that a look alone may touch, and those that guests write by themselves.
_RESTLESS = re.compile(r"store\.db|/locks/|console\.log|/leases|\.lock$")
_JOURNAL = ("Operation", "OperationStep")


def picture(lab: Lab, *, journal: bool = True) -> dict[str, str]:
    """What there is, by its name. Two pictures of an unchanged cloud are equal."""
    return dict([*_rows(lab, journal), *_domains(lab), *_switch(lab), *_files(lab), *_spaces(lab)])


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What came, went or changed between two pictures."""
    names = sorted(before.keys() | after.keys())
    return [
        f"{name}: {before.get(name, 'was not there')} -> {after.get(name, 'is gone')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


class Album:
    """The last picture of a cloud, to hold the next one against."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._last = picture(lab)

    def changes(self) -> list[str]:
        """What changed since the last picture."""
        last, self._last = self._last, picture(self._lab)
        return difference(last, self._last)


def _rows(lab: Lab, journal: bool) -> Iterator[tuple[str, str]]:
    with lab.cloud.context.store.read() as session:
        for name in tables.__all__:
            table: Any = getattr(tables, name)
            if name in _JOURNAL and not journal:
                continue
            keys = [column.name for column in table.__table__.primary_key]
            for row in session.exec(select(table)):
                values = row.model_dump()
                yield f"row {name} {[values[key] for key in keys]}", json.dumps(values, default=str)


def _domains(lab: Lab) -> Iterator[tuple[str, str]]:
    # A connection of its own: the cloud's may be one that cannot change, and sees less.
    connection = libvirt.openReadOnly(lab.cloud.settings.libvirt_uri)
    for domain in connection.listAllDomains():
        # Others' domains come and go meanwhile.
        with contextlib.suppress(libvirt.libvirtError):
            xml = domain.XMLDesc()
            if re.search(f"cloud=['\"]{lab.name}['\"]", xml):
                yield f"domain {domain.UUIDString()}", f"{domain.state()} {xml}"
    connection.close()


def _switch(lab: Lab) -> Iterator[tuple[str, str]]:
    for table in ("Bridge", "Port", "Interface"):
        said = json.loads(run("ovs-vsctl", "-f", "json", "list", table))
        for row in said["data"]:
            values = dict(zip(said["headings"], row, strict=True))
            mine = lab.name in json.dumps(values["external_ids"]) or lab.cloud.settings.bridge in (
                values["name"],
            )
            if mine:
                kept = {k: v for k, v in values.items() if k not in ("statistics", "status")}
                yield f"{table} {values['name']}", json.dumps(kept)
    flows = run("ovs-ofctl", "--no-stats", "--sort", "dump-flows", lab.cloud.settings.bridge)
    yield "flows", flows


def _files(lab: Lab) -> Iterator[tuple[str, str]]:
    for top in (lab.state, lab.run):
        for path in sorted(top.rglob("*")):
            if not _RESTLESS.search(str(path)) and not path.is_socket():
                yield f"file {path}", _file(path)


def _file(path: Path) -> str:
    found = path.lstat()
    inside = ""
    # A running guest writes to its disk; what a verb could do to that shows in the rest.
    if path.is_file() and path.name != "disk.qcow2" and found.st_size < 1 << 20:
        inside = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{found.st_mode:o} {found.st_uid} {inside}"


def _spaces(lab: Lab) -> Iterator[tuple[str, str]]:
    with lab.cloud.context.store.read() as session:
        networks = list(session.exec(select(tables.Network.id)))
    there = set(run("ip", "-o", "netns", "list").replace("\n", " ").split())
    for name in sorted(f"qdhcp-{id_}" for id_ in networks):
        if name in there:
            yield f"namespace {name}", run("ip", "-n", name, "-o", "address")
