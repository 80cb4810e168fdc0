"""The flows of a bridge, by ovs-ofctl(8): a whole set written at once, and the canary read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backends.errors import MachineFailed
from backends.hosts import Host, Output

CANARY_TABLE = 23
_CANARY = f"table={CANARY_TABLE},priority=0,actions=drop"
_READ = ("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows")
# A bundle (OpenFlow 1.4) is done as a whole or not at all.
_WRITE = ("ovs-ofctl", "-O", "OpenFlow14", "--bundle", "add-flows")
_COOKIE = re.compile(r"^ cookie=(0x[0-9a-f]+),", re.MULTILINE)
_FLOW = re.compile(r"^ \S", re.MULTILINE)
_TIMEOUT = 60.0


def read_canary(host: Host, bridge: str) -> int:
    """The canary's cookie; 0 where there is none, so that the flows are not ours or not there.

    Raises MachineFailed `ovs.switch.unreachable`.
    """
    cookies = cookies_of(_read(host, bridge, f"table={CANARY_TABLE}"))
    return max(cookies, default=0)


def write_flows(host: Host, bridge: str, cookie: int, flows: Iterable[str]) -> None:
    """Have the bridge hold these flows and the canary under `cookie`, and nothing else.

    The new flows come and the old ones go in one bundle, so that no packet meets a mixture and no
    traffic is cut. Raises MachineFailed `ovs.flows.refused` or `ovs.switch.unreachable`.
    """
    old = cookies_of(_read(host, bridge)) - {cookie}
    text = bundle(cookie, flows, sorted(old))
    done = host.run([*_WRITE, bridge, "-"], stdin=text, timeout=_TIMEOUT, check=False)
    if done.status != 0:
        raise MachineFailed("ovs.flows.refused", f"{bridge} refused its flows: {_words(done)}")


def bundle(cookie: int, flows: Iterable[str], old: Sequence[int]) -> str:
    """The flow file: additions, the canary, then the removal of what has an old cookie."""
    lines = [f"add cookie={cookie:#x},{flow}" for flow in (*flows, _CANARY)]
    lines += [f"delete cookie={each:#x}/-1" for each in old]
    return "\n".join(lines) + "\n"


def cookies_of(dump: str) -> set[int]:
    """The distinct cookies in a dump; without statistics, a cookie of 0 is not printed."""
    found = _COOKIE.findall(dump)
    cookies = {int(each, 16) for each in set(found)}
    if len(_FLOW.findall(dump)) > len(found):
        cookies.add(0)
    return cookies


def _read(host: Host, bridge: str, *match: str) -> str:
    done = host.run([*_READ, bridge, *match], timeout=_TIMEOUT, reads=True, check=False)
    if done.status != 0:
        raise MachineFailed(
            "ovs.switch.unreachable",
            f"the switch does not tell its flows: {_words(done)}; see that ovs-vswitchd runs",
        )
    return done.stdout


def _words(done: Output) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    return lines[-1].removeprefix("ovs-ofctl: ")
