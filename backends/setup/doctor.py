"""The doctor: some forty checks of a machine, each with a code, its evidence and its mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from backends.errors import QuarterdeckError, Usage
from backends.hosts import Host, LocalHost
from backends.setup import daemons
from backends.setup.check import Check, Finding, Result, Status, ask, fail, skip
from backends.setup.checks import clouds, guests, network, storage, system, terminal

CHECKS: tuple[Check, ...] = (
    *system.CHECKS,
    *guests.CHECKS,
    *network.CHECKS,
    *storage.CHECKS,
    *clouds.CHECKS,
    *terminal.CHECKS,
)
# A hung daemon holds one thread until its check's deadline, and the others go on.
_THREADS = 8


def choose(only: Sequence[str] = ()) -> list[Check]:
    """The checks of these codes, or of these groups (`net` is every `net.*`); all for none.

    Raises Usage `doctor.check.unknown`.
    """
    for wanted in only:
        if not any(_is_meant(check, wanted) for check in CHECKS):
            raise Usage(
                "doctor.check.unknown",
                f"there is no check {wanted!r}; `quarterdeck doctor` lists them all",
            )
    return [c for c in CHECKS if not only or any(_is_meant(c, wanted) for wanted in only)]


def run_checks(
    checks: Sequence[Check] = CHECKS, host: Host | None = None
) -> Iterator[tuple[Check, Finding]]:
    """Run checks side by side; they come in the order given, each as soon as it can."""
    here = host or LocalHost(read_only=True)
    root = ask(here, ("id", "-u")).stdout.strip() == "0"
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="doctor") as pool:
        waiting = [(check, pool.submit(_examine, check, here, root)) for check in checks]
        for check, future in waiting:
            yield check, future.result()


def run(only: Sequence[str] = (), host: Host | None = None) -> list[Result]:
    """The results of the checks `choose(only)` names. Raises Usage `doctor.check.unknown`."""
    return [
        Result(check.code, check.title, found.status, found.evidence, found.mend)
        for check, found in run_checks(choose(only), host)
    ]


def worst(results: Sequence[Result]) -> Status:
    """What the whole comes to: `fail` before `warn` before `ok`."""
    order = (Status.FAIL, Status.WARN)
    return next((s for s in order if any(r.status is s for r in results)), Status.OK)


def mend(subject: str, report: Callable[[str], None]) -> None:
    """Mend `kvm` or `daemons` on this machine; `report` hears one line for each thing done.

    Raises Usage `doctor.mend.unknown`, and what `backends.setup.daemons` raises.
    """
    mends = {"kvm": daemons.mend_kvm, "daemons": daemons.ensure_running}
    if subject not in mends:
        raise Usage("doctor.mend.unknown", f"only {' and '.join(mends)} can be mended, by name")
    mends[subject](report)


def _is_meant(check: Check, wanted: str) -> bool:
    return check.code == wanted or check.code.startswith(f"{wanted}.")


def _examine(check: Check, host: Host, root: bool) -> Finding:
    """One check that cannot end is a finding, not the end of the others."""
    try:
        found = check.run(host)
    except QuarterdeckError as error:
        found = fail(error.message)
    except (OSError, ValueError, LookupError, TypeError) as error:
        found = fail(f"it could not be looked at: {error}")
    if found.status is Status.FAIL and check.needs_root and not root:
        return skip(f"only root can tell ({found.evidence})")
    return found
