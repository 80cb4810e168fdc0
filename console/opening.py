"""Open the cloud beside the event loop, and what is asked of it for the lines around a panel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.message import Message

from backends.errors import QuarterdeckError
from console.bars import Standing
from console.widgets.tray import Running

if TYPE_CHECKING:
    from backends.access import Access
    from backends.cloud import Cloud
    from backends.records.operation import Operation

_RUNNING = 20


class Opened(Message):
    """The cloud is open, or was not to be had. `project` is the caller's project's name."""

    def __init__(self, cloud: Cloud | None, project: str, error: QuarterdeckError | None) -> None:
        super().__init__()
        self.cloud = cloud
        self.project = project
        self.error = error


class Recovered(Message):
    """What processes that died had begun is finished; `text` says how many."""

    def __init__(self, text: str, error: QuarterdeckError | None = None) -> None:
        super().__init__()
        self.text = text
        self.error = error


class RunningRead(Message):
    """The operations that run now."""

    def __init__(self, running: list[Running]) -> None:
        super().__init__()
        self.running = running


def open_cloud(access: Access) -> Opened:
    """Import the library, which takes longer than to show a screen, and open the cloud."""
    try:
        from backends.cloud import Cloud

        cloud = Cloud.open(access)
        return Opened(cloud, cloud.identity.project(cloud.caller.project_id).name, None)
    except QuarterdeckError as error:
        return Opened(None, "", error)


def enter(cloud: Cloud, access: Access, project: str) -> Opened:
    """The same cloud, with the caller at work in another project."""
    from backends.cloud import Cloud
    from backends.context import Context

    try:
        found = cloud.identity.project(project)
        if not cloud.caller.admin:
            return Opened(Cloud.open(replace(access, project=found.id)), found.name, None)
        caller = replace(cloud.caller, project_id=found.id)
        other = Cloud(Context(cloud.context.store, cloud.machine, caller), cloud.record)
        return Opened(other, found.name, None)
    except QuarterdeckError as error:
        return Opened(None, "", error)


def recover(cloud: Cloud) -> Recovered:
    """Finish what processes that died had begun."""
    try:
        done = cloud.drift.recover()
    except QuarterdeckError as error:
        return Recovered("", error)
    verbs = ", ".join(f"{each.verb} {each.target_name}".strip() for each in done)
    return Recovered(f"finished what was interrupted: {verbs}" if done else "")


def running(cloud: Cloud) -> RunningRead:
    """The operations at work, with their latest step."""
    try:
        rows = cloud.operations.list(limit=_RUNNING, running=True)
        at_work = [row for row in rows if row.outcome.value in ("running", "cancelling")]
        return RunningRead([_running(cloud, row) for row in at_work])
    except QuarterdeckError:
        return RunningRead([])  # the panel's own load says what is wrong with the store


def standing(cloud: Cloud, project: str, everyone: bool, trouble: str) -> Standing:
    """What the header says of the cloud and its caller."""
    caller = cloud.caller
    return Standing(
        cloud=cloud.settings.cloud,
        project="all" if everyone else project,
        host=cloud.settings.host,
        user=caller.user,
        role=caller.role.value,
        read_only=not caller.writes,
        trouble=trouble,
    )


def _running(cloud: Cloud, row: Operation) -> Running:
    steps = cloud.operations.show(row.id)[1]
    last = steps[-1] if steps else None
    return Running(
        id=row.id,
        verb=row.verb,
        target=row.target_name,
        user=row.user,
        started_at=row.started_at,
        step=last.text if last else "",
        position=last.position if last else 0,
        progress=row.progress,
        cancelling=row.outcome.value == "cancelling",
        ids=tuple(unit.partition(":")[2] for unit in row.units),
    )
