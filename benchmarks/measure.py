"""Measuring two or more things against each other in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Result:
    """One claim: ours against a peer's, both in `unit`; `aim` is the largest ratio it allows."""

    name: str
    ours: float
    peer: float
    aim: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """Ours by the peer's: less is better."""
        return self.ours / self.peer if self.peer else float(bool(self.ours))

    @property
    def met(self) -> bool:
        """Whether the aim is met."""
        return self.ratio <= self.aim

    def __str__(self) -> str:
        verdict = "ok" if self.met else "MISSED"
        return (
            f"{self.name:<58} {self.ours:>9.1f} {self.peer:>9.1f} {self.unit:<5}"
            f" {self.ratio:>7.3f} (aim {self.aim:.3f}) {verdict}"
        )


def medians(
    subjects: Mapping[str, Work],
    runs: int = 7,
    *,
    after: Mapping[str, Work] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """The median time of each subject in milliseconds.

    The subjects take turns, so that whatever else the machine does falls on all alike; the first
    round warms up and does not count. `after` is done after each run, untimed. `clock` gives
    seconds; for what waits for nothing, the process's own time leaves others' work out.
    """
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(runs + 1):
        for name, work in subjects.items():
            began = clock()
            outcome = work()
            took = (clock() - began) * 1000
            del outcome
            if number:
                samples[name].append(took)
            if after and name in after:
                after[name]()
    return {name: statistics.median(taken) for name, taken in samples.items()}
