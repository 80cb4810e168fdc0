"""Applies the steps of connection tracking, by conntrack(8)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from backends.drivers.conntrack.steps import CutConnections, EndConnection
from backends.drivers.namespaces.driver import inside, is_ours
from backends.drivers.step import Progress, Step
from backends.errors import MachineFailed, Refused
from backends.hosts import Host
from backends.settings import OVS_RUN

_NOTHING_FOUND = "0 flow entries"


class ConntrackDriver:
    """Connections in the namespaces of routers, and single ones wherever they are kept."""

    handles: tuple[type, ...] = (CutConnections, EndConnection)

    def __init__(self, host: Host, ovs_run: Path = OVS_RUN) -> None:
        self._host = host
        self._ovs_run = ovs_run

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step.

        Raises MachineFailed `conntrack.failed`, `conntrack.unreachable`, `ovs.switch.*`; Refused
        `namespace.foreign`, `connection.kept`.
        """
        if isinstance(step, EndConnection):
            _end(step, self._ovs_run)
            return
        if not isinstance(step, CutConnections):
            raise TypeError(f"not a step of connection tracking: {step!r}")
        if not is_ours(step.namespace):
            raise Refused("namespace.foreign", f"{step.namespace} is not Quarterdeck's")
        for filters in filters_of(step):
            argv = inside(step.namespace, "conntrack", "-D", "-f", "ipv4", *filters)
            done = self._host.run(argv, check=False)
            if done.status != 0 and _NOTHING_FOUND not in done.stderr:
                reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise MachineFailed("conntrack.failed", f"{step.namespace}: {reason}")


def _end(step: EndConnection, ovs_run: Path) -> None:
    """One that is not there any more has ended."""
    if step.userspace:
        from backends.drivers.conntrack import userspace

        userspace.end(step.connection, run=ovs_run)
        return
    from backends.drivers.conntrack import ending

    if step.namespace and not is_ours(step.namespace):
        raise Refused("namespace.foreign", f"{step.namespace} is not Quarterdeck's")
    ending.end(step.connection, step.namespace)


def filters_of(step: CutConnections) -> Iterator[tuple[str, ...]]:
    """For each pair: what came in by the floating address, and what went out under it. Pure."""
    for floating, fixed in step.pairs:
        yield "--orig-dst", floating, "--reply-src", fixed
        yield "--orig-src", fixed, "--reply-dst", floating
