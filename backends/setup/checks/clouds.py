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
    """Bridges of a cloud that has no state folder: the store was lost, or a clean-up cut off."""
    command = ("ovs-vsctl", "--timeout=3", "--no-wait", "--format=json")
    said = ask(host, (*command, "--columns=external_ids", "list", "Bridge"))
    if said.status != 0:
        return skip("the switch's database did not say")
    labels = [dict(row[0][1]) for row in json.loads(said.stdout)["data"]]
    labelled = {str(label[_LABEL]) for label in labels if _LABEL in label}
    lost = sorted(labelled - set(host.list_dir(STATE)))
    if not lost:
        return ok(f"{len(labelled)} with bridges, each with its records")
    mend = f"quarterdeck --cloud {lost[0]} rescue" if _NAME.fullmatch(lost[0]) else ""
    return warn(f"bridges of {', '.join(map(repr, lost))}, whose records are gone", mend)


CHECKS = (Check("cloud.leftovers", "Leftover clouds", leftovers),)
