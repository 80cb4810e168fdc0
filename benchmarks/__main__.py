"""Run all benchmarks, or those that are named: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import importlib
import sys

from backends.errors import QuarterdeckError

NAMES = ("create", "imports", "filling", "listing", "command", "plan", "screen", "connections",
         "flows", "groups", "traffic", "kernel", "storage")  # fmt: skip


def main(names: list[str]) -> int:
    """Print each result as it comes; 1 when an aim was missed or a benchmark did not run."""
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
        return 2
    print(f"{'':<58} {'ours':>9} {'peer':>9} {'':<5} {'ratio':>7}")
    failed = False
    for name in names or NAMES:
        try:
            for result in importlib.import_module(f"benchmarks.{name}").main():
                print(result, flush=True)
                failed = failed or not result.met
        except (OSError, QuarterdeckError) as error:
            print(f"{name}: did not run: {error}", flush=True)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
