"""The console over 10,000 recorded instances, against the smallest Textual app there can be."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from backends.access import Access
from backends.cloud import Cloud
from backends.records.tables import Instance
from benchmarks import listing, scratch
from benchmarks.measure import Result
from benchmarks.terminal import Terminal

COUNT = 10_000
_RUNS = 7
_IDLE_SECONDS = 10.0
_CELL_BYTES = 400
_MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("smallest-app")
Minimal().run()
"""
# What the console writes first of all, and what it writes with the first rows.
_FRAME, _ROW, _SMALLEST = b"Instances", b"listed-0 ", b"smallest-app"


def main() -> list[Result]:
    """First frame and first rows in milliseconds; a changed cell and ten idle seconds in bytes."""
    with scratch.cloud() as (cloud, access):
        ids = listing.record(cloud, COUNT)
        times: dict[str, list[float]] = {"frame": [], "rows": [], "minimal": []}
        for number in range(_RUNS + 1):
            sample = _sample(access)
            if number:
                for name, taken in sample.items():
                    times[name].append(taken)
        frame, rows, minimal = (statistics.median(taken) for taken in times.values())
        cell, idle = _bytes(cloud, access, ids)
    return [
        Result("console's first frame / smallest Textual app's", frame, minimal, 2.0),
        Result(f"rows of {COUNT:,} instances / smallest app's frame", rows, minimal, 5.0),
        Result("bytes for one changed cell / the bytes allowed", cell, _CELL_BYTES, 1.0, "bytes"),
        Result(f"bytes in {_IDLE_SECONDS:g} idle seconds / none", idle, 0, 0.0, "bytes"),
    ]


def _console(access: Access) -> Terminal:
    where = {
        "QUARTERDECK_CLOUD": access.cloud,
        "QUARTERDECK_STATE_ROOT": str(access.state_root),
        "QUARTERDECK_RUN_ROOT": str(access.run_root),
    }
    return Terminal([str(Path(sys.executable).with_name("qd"))], where)


def _sample(access: Access) -> dict[str, float]:
    terminal = Terminal([sys.executable, "-c", _MINIMAL], {})
    minimal = terminal.until(_SMALLEST)
    terminal.close()
    terminal = _console(access)
    frame = terminal.until(_FRAME)
    rows = terminal.until(_ROW)
    terminal.close()
    return {"frame": frame, "rows": rows, "minimal": minimal}


def _bytes(cloud: Cloud, access: Access, ids: set[str]) -> tuple[float, float]:
    """What is written for the first row's flavor, which changes; and when nothing happens."""
    terminal = _console(access)
    terminal.until(_ROW)
    terminal.settle(5.0)
    # On a machine that is busy libvirt answers late, and the panel says how old its rows are.
    idle = min(terminal.listen(_IDLE_SECONDS) for _ in range(3))
    with cloud.context.store.write() as session:
        first = min((session.get_one(Instance, id_) for id_ in ids), key=lambda row: row.name)
        first.flavor_name = "wider"
    before = len(terminal.output)
    terminal.until(b"wider")
    terminal.settle()
    cell = len(terminal.output) - before
    terminal.close()
    return cell, idle


if __name__ == "__main__":
    print(*main(), sep="\n")
