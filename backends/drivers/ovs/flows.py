"""The flows of a bridge, by ovs-ofctl(8): a whole set written at once, and the canaries read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from backends.drivers.ovs.ofctl import run_ofctl, said
from backends.drivers.ovs.openflow import read_cookies
from backends.errors import MachineFailed
from backends.hosts import Host, Output
from backends.settings import OVS_RUN

CANARY_TABLE = 23
_CANARY = f"table={CANARY_TABLE},priority=0,actions=drop"
_READ = ("--no-stats", "dump-flows")
_READ_COUNTED = ("dump-flows",)
# A bundle (OpenFlow 1.4) is done as a whole or not at all.
_WRITE = ("--bundle", "add-flows")
# A match of the whole metadata (OXM, TS-020 7.2.3.7): class, field, 8 bytes.
_METADATA = bytes.fromhex("80000408")
_COOKIE = re.compile(r"^ cookie=(0x[0-9a-f]+),", re.MULTILINE)
_FLOW = re.compile(r"^ \S", re.MULTILINE)


def read_canaries(bridge: str, run: Path = OVS_RUN) -> tuple[int, dict[int, int]]:
    """The cookie of the canary without an owner (0: none), and those of flow sets by owner.

    Raises MachineFailed `ovs.switch.unreachable`.
    """
    return canaries_of(read_cookies(bridge, CANARY_TABLE, run=run))


def write_flows(
    host: Host, bridge: str, cookie: int, flows: Iterable[str], run: Path = OVS_RUN
) -> None:
    """Have the bridge hold these flows and the canary under `cookie`, and nothing else.

    The new flows come and the old ones go in one bundle, so that no packet meets a mixture and no
    traffic is cut. Raises MachineFailed `ovs.flows.refused` or `ovs.switch.unreachable`.
    """
    old = cookies_of(read(host, bridge, run=run)) - {cookie}
    write(host, bridge, bundle(cookie, flows, sorted(old)), run)


def write(host: Host, bridge: str, text: str, run: Path = OVS_RUN) -> None:
    """Do all changes of a flow file, or none. Raises MachineFailed `ovs.flows.refused`."""
    done = run_ofctl(host, run, bridge, _WRITE, "-", stdin=text)
    if done.status != 0:
        raise MachineFailed("ovs.flows.refused", f"{bridge} refused its flows: {said(done)}")


def bundle(cookie: int, flows: Iterable[str], old: Sequence[int]) -> str:
    """The flow file: additions, the canary, then the removal of what has an old cookie."""
    lines = [f"add cookie={cookie:#x},{flow}" for flow in (*flows, _CANARY)]
    lines += [f"delete cookie={each:#x}/-1" for each in old]
    return "\n".join(lines) + "\n"


def canaries_of(flows: Iterable[tuple[int, bytes]]) -> tuple[int, dict[int, int]]:
    """The same of the cookies and matches of table 23."""
    alone, sets = 0, {}
    for cookie, match in flows:
        if match.startswith(_METADATA):
            sets[int.from_bytes(match[4:12])] = cookie
        elif not match:
            alone = cookie
    return alone, sets


def cookies_of(dump: str) -> set[int]:
    """The distinct cookies in a dump; without statistics, a cookie of 0 is not printed."""
    found = _COOKIE.findall(dump)
    cookies = {int(each, 16) for each in set(found)}
    if len(_FLOW.findall(dump)) > len(found):
        cookies.add(0)
    return cookies


def read(host: Host, bridge: str, *match: str, run: Path = OVS_RUN) -> str:
    """The flows that match, without statistics. Raises MachineFailed `ovs.switch.unreachable`."""
    return _dump(run_ofctl(host, run, bridge, _READ, *match, reads=True))


def read_counted(host: Host, bridge: str, *match: str, run: Path = OVS_RUN) -> str:
    """The same with statistics."""
    return _dump(run_ofctl(host, run, bridge, _READ_COUNTED, *match, reads=True))


def _dump(done: Output) -> str:
    if done.status != 0:
        raise MachineFailed(
            "ovs.switch.unreachable",
            f"the switch does not tell its flows: {said(done)}; see that ovs-vswitchd runs",
        )
    return done.stdout
