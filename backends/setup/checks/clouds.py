"""Clouds on this machine: what is labelled with one whose records are gone."""

from __future__ import annotations

import json
import re

from backends.hosts import Host
from backends.setup.check import Check, Finding, ask, ok, skip, warn
from backends.setup.checks.storage import STATE

# The key under which the OVS driver labels every bridge and port with its cloud.
_LABEL = "quarterdeck-cloud"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def leftovers(host: Host) -> Finding:
    """Bridges of a cloud that has no store here: it was lost, or a clean-up was cut off.

    A cloud whose records are in PostgreSQL shows up too: the evidence names what is missing.
    """
    command = ("ovs-vsctl", "--timeout=3", "--no-wait", "--format=json")
    said = ask(host, (*command, "--columns=external_ids", "list", "Bridge"))
    if said.status != 0:
        return skip("the switch's database did not say")
    labels = [dict(row[0][1]) for row in json.loads(said.stdout)["data"]]
    labelled = {str(label[_LABEL]) for label in labels if _LABEL in label}
    lost = sorted(name for name in labelled if not host.exists(STATE / name / "store.db"))
    if not lost:
        return ok(f"{len(labelled)} with bridges, each with its records")
    mend = f"quarterdeck --cloud {lost[0]} rescue" if _NAME.fullmatch(lost[0]) else ""
    return warn(f"bridges of {', '.join(map(repr, lost))}, with no store.db in {STATE}", mend)


CHECKS = (Check("cloud.leftovers", "Leftover clouds", leftovers),)
