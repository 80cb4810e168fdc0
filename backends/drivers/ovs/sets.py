"""Flow sets: written and swept in one bundle, and told by their canaries in table 23.

A canary is a flow that no packet meets; it carries its set's cookie, and its owner as metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from backends.drivers.ovs.flows import CANARY_TABLE, cookies_of, read, write
from backends.drivers.ovs.steps import FlowSet
from backends.hosts import Host
from backends.settings import OVS_RUN


def write_sets(
    host: Host,
    bridge: str,
    sets: Iterable[FlowSet],
    swept: Sequence[int] | None,
    run: Path = OVS_RUN,
) -> None:
    """Have the bridge hold these sets, and none of the old cookies; None: nothing else at all.

    The new flows come and the old ones go in one bundle, so that no packet meets a mixture. A flow
    that stays keeps its counters. Raises MachineFailed `ovs.flows.refused`,
    `ovs.switch.unreachable`.
    """
    written = list(sets)
    if swept is None:
        swept = sorted(cookies_of(read(host, bridge, run=run)))
    kept = {each.cookie for each in written}
    write(host, bridge, bundle(written, [each for each in swept if each not in kept]), run)


def bundle(sets: Iterable[FlowSet], old: Iterable[int]) -> str:
    """The flow file: each set and its canary, then the removal of what has an old cookie."""
    lines: list[str] = []
    for each in sets:
        cookie = f"add cookie={each.cookie:#x},"
        lines += [cookie + flow for flow in each.flows]
        lines.append(
            f"{cookie}table={CANARY_TABLE},priority=0,metadata={each.owner:#x},actions=drop"
        )
    lines += [f"delete cookie={each:#x}/-1" for each in old]
    return "\n".join(lines) + "\n"
