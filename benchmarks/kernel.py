"""The same packets on the kernel's datapath, inside a lab node: `traffic`, in smaller measure.

The node is emulated, so that only its ratios mean anything: everything in it is slower alike.
"""

from __future__ import annotations

import json
import subprocess

from benchmarks import traffic
from benchmarks.measure import Result
from tests.real.node.house import ROOT, VENV, move_in, packages_drive
from tests.real.node.image import build
from tests.real.node.node import Node
from tests.real.node.underlay import Underlay

_MEGABYTES, _CONNECTIONS, _RUNS = 16, 300, 5
_MEASURE = f"""
import json
from benchmarks.traffic import measure
print(json.dumps(measure({_MEGABYTES}, {_CONNECTIONS}, {_RUNS})))
"""


def main() -> list[Result]:
    """Boot a node, move in, and have it measure itself."""
    underlay = Underlay()
    try:
        node = Node(build(), underlay, memory=768, cpus=2, drives=(packages_drive(),))
        try:
            node.start()
            bulk, short = _measured_in(node)
        finally:
            node.close()
    finally:
        underlay.close()
    return traffic.results(_MEGABYTES, _CONNECTIONS, bulk, short, " (kernel)")


def _measured_in(node: Node) -> tuple[traffic.Pair, traffic.Pair]:
    move_in(node)
    packed = subprocess.run(
        ["tar", "-C", str(ROOT), "-c", "benchmarks"], capture_output=True, check=True
    )
    node.feed(packed.stdout, "tar", "-C", str(ROOT), "-x")
    python = ("env", "-C", str(ROOT), str(VENV / "bin/python"))
    said = node.run(*python, "-c", _MEASURE, timeout=600)
    (ours, peer), (ours_short, peer_short) = json.loads(said.splitlines()[-1])
    return (ours, peer), (ours_short, peer_short)


if __name__ == "__main__":
    print(*main(), sep="\n")
