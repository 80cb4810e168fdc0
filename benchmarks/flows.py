"""50,000 flows read and parsed, against `ovs-ofctl dump-flows`, which only prints them."""

from __future__ import annotations

import secrets
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from backends.drivers.ovs import match
from backends.drivers.ovs.openflow import read_flows
from benchmarks.measure import Result, medians

COUNT = 50_000
_RUNS = 9


def main() -> list[Result]:
    """Into columns, as a table shows them; and every match and action decoded to text besides."""
    with bridge(COUNT) as name:
        times = medians(
            {
                "columns": lambda: _expect(len(read_flows(name))),
                "rows": lambda: _first_look(name),
                "ovs-ofctl": lambda: _dump(name),
            },
            _RUNS,
        )
    what = f"{COUNT:,} flows"
    peer = "ovs-ofctl dump-flows"
    return [
        Result(f"{what} into columns / {peer}", times["columns"], times["ovs-ofctl"], 1.0),
        Result(
            f"{what} decoded to the last field / {peer}", times["rows"], times["ovs-ofctl"], 1.6
        ),
    ]


@contextmanager
def bridge(count: int) -> Iterator[str]:
    """A bridge of the benchmarks' own with so many flows, as the firewall writes them."""
    name = f"br-b{secrets.token_hex(3)}"
    _run("ovs-vsctl", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev",
         "fail_mode=secure")  # fmt: skip
    try:
        flows = "\n".join(_flow(number) for number in range(count))
        _run("ovs-ofctl", "-O", "OpenFlow14", "add-flows", name, "-", stdin=flows)
        yield name
    finally:
        _run("ovs-vsctl", "del-br", name)


def _flow(number: int) -> str:
    port, address = number // 50 + 1, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    if number % 2:
        match = f"ct_state=+est+rpl,reg5={port},tcp,nw_src={address},tp_src=443"
        return f"table=72,priority=77,{match},actions=resubmit(,91)"
    match = f"ct_state=-rpl,reg6={port},ip,nw_src={address}"
    return f"table=82,priority=75,{match},actions=conjunction({port},1/2)"


def _expect(found: int) -> None:
    if found != COUNT:
        raise OSError(f"{found:,} flows were read, not {COUNT:,}")


def _first_look(name: str) -> None:
    match.forget()
    deque(read_flows(name).rows(), 0)


def _dump(name: str) -> None:
    argv = ["ovs-ofctl", "-O", "OpenFlow14", "dump-flows", name]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def _run(*argv: str, stdin: str | None = None) -> None:
    subprocess.run(argv, check=True, input=stdin, text=True, capture_output=True)


if __name__ == "__main__":
    print(*main(), sep="\n")
